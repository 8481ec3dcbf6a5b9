"""The encoder and its training.

`encoder/` runs any encoder, `pretrained/` reads checkpoints, `training/` is the training loop. Here they
are put together: our own architectures, the two training tasks, and predictions.
"""
