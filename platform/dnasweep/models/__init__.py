"""The encoder and its training.

`encoder/` runs any encoder, `pretrained/` reads checkpoints, `training/` is the training loop.
Modules at this level combine them: the platform's architectures, the two training tasks, and
predictions.
"""
