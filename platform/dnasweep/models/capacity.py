"""How many tokens a model holds, read from its configuration alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ALIBI = "dnasweep-alibi-roberta"
"""What `config.json` calls our RoBERTa with attention biased by distance."""
WINDOWS = "dnasweep_windows"
"""Name in `config.json` of how longer sequences are read: their `tokens` a window and the `pool`."""
UNBOUNDED = 1 << 30
"""Tokens held by a model that reads sequences of any length."""
# Their first position is that after the padding token's id.
_OFFSET = (
    "camembert",
    "data2vec-text",
    "esm",
    "ibert",
    "longformer",
    "luke",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
)


def tokens_at_once(config: Mapping[str, Any]) -> int:
    """Return the most tokens of one forward pass, special tokens counted.

    Parameters
    ----------
    config
        The contents of `config.json`.
    """
    if config.get("model_type") == ALIBI:
        return UNBOUNDED
    positions = config.get("max_position_embeddings")
    if positions is None:
        return UNBOUNDED
    offset = 0
    if config.get("model_type") in _OFFSET:
        # An MPNet counts from 2 whatever its padding token.
        pad = None if config.get("model_type") == "mpnet" else config.get("pad_token_id")
        offset = (1 if pad is None else int(pad)) + 1
    return int(positions) - offset


def capacity(config: Mapping[str, Any]) -> int:
    """Return the most tokens of a sequence: any number where it is read in windows."""
    return UNBOUNDED if config.get(WINDOWS) else tokens_at_once(config)
