"""Numbers of tokens that models without a length limit read at once."""

UNBOUNDED = 1 << 30
"""Token limit of a model that reads sequences of any length."""
CHUNK = 64
"""Tokens per chunk of Mamba's recurrence on an accelerator."""
