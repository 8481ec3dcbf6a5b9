"""The encoder and its training: architectures, pretrained checkpoints, the training loop, the forward pass."""
