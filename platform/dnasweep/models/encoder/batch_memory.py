"""How many rows a forward pass takes within some memory, from a model's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dnasweep.models.families.registry import family_of

SHARE = 0.4
"""Share of an accelerator's memory that a batch may take: two processes fit on one."""
FLOAT = 4
"""Bytes of a number; in bf16 half of them are read."""


def bytes_per_token(config: Mapping[str, Any], num_tokens: int) -> float:
    """Return the bytes that a forward pass without gradients needs at most for each token of a batch.

    In a Transformer these are inputs, query, key and value, what attention gathers, and the inner
    layer; no attention matrix is kept. Measured by the tests, for every family there is.

    Parameters
    ----------
    config
        Contents of `config.json`.
    num_tokens
        Number of tokens per row.
    """
    hidden = int(config.get("hidden_size") or config.get("d_model") or config.get("n_embd") or 768)
    inner = int(config.get("intermediate_size") or config.get("d_inner") or 4 * hidden)
    family = family_of(config)
    floats: float = 16 * hidden + 2 * inner
    if family is not None and family.state_floats:
        floats = 20 * hidden + family.state_floats(config, num_tokens)
    return FLOAT * floats


def rows_within(num_bytes: float, config: Mapping[str, Any], num_tokens: int) -> int:
    """Return how many rows of `num_tokens` tokens a forward pass takes within some memory, at least 1.

    Parameters
    ----------
    num_bytes
        The memory.
    config, num_tokens
        As for :func:`bytes_per_token`.
    """
    return max(1, int(num_bytes / (bytes_per_token(config, num_tokens) * num_tokens)))
