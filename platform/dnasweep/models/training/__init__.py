"""The training loop, for pretraining and fine-tuning, on one worker and on many.

`train.py` is the loop; `loop.py` one step of it; `schedule.py` says what every step does, `guard.py` when
to give up; `train_state.py` is what a training goes on from, `train_state_storage.py` where that is kept;
`rows.py` is what a task has to offer; `tuning.py` chooses the weights that are trained.
"""
