"""The training loop, for pretraining and fine-tuning, on one worker and on many.

`train.py` contains the loop and `loop.py` one step of it; `schedule.py` plans every step;
`guard.py` decides when to stop early; `train_state.py` defines the state from which training
resumes, and `train_state_storage.py` stores it; `rows.py` defines the interface of tasks;
`tuning.py` selects the weights to train.
"""
