"""Number of rows of a forward pass that fit into memory, from a model's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dnasweep.models.families.registry import family_of

SHARE = 0.4
"""Fraction of an accelerator's memory that a batch may use, so two processes fit on one."""
FLOAT = 4
"""Bytes per number; in bf16 only half are used."""


def bytes_per_token(config: Mapping[str, Any], num_tokens: int) -> float:
    """Return the maximum bytes per token of a batch in a forward pass without gradients.

    In a transformer these are inputs, query, key and value, attention output, and the inner layer;
    no attention matrix is kept. Tests measure this for every model family.

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
    """Return how many rows of `num_tokens` tokens fit into memory in a forward pass, at least 1.

    Parameters
    ----------
    num_bytes
        Available memory in bytes.
    config, num_tokens
        As for :func:`bytes_per_token`.
    """
    return max(1, int(num_bytes / (bytes_per_token(config, num_tokens) * num_tokens)))
