"""How many tokens a model reads at once, where nothing limits them."""

UNBOUNDED = 1 << 30
"""Tokens that a model can read which reads sequences of any length."""
CHUNK = 64
"""Tokens of a chunk of the recurrence of Mamba on an accelerator."""
