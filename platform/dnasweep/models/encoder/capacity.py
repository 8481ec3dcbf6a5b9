"""How many tokens a model can read, from its configuration alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dnasweep.errors import InputError
from dnasweep.models.families.lengths import UNBOUNDED
from dnasweep.models.families.registry import family_of

ALIBI = "dnasweep-alibi-roberta"
"""Model type, in `config.json`, of the RoBERTa with attention biased by distance."""
WINDOWS = "dnasweep_windows"
"""Setting in `config.json` for reading longer sequences: the `tokens` of a window and the
`pool`."""
FROM_PADDING = (
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
"""Kinds of models whose first position is the one after the id of the padding token."""


def tokens_at_once(config: Mapping[str, Any]) -> int:
    """Return the maximum number of tokens of a forward pass, including special tokens.

    Parameters
    ----------
    config
        Contents of `config.json`.
    """
    if config.get("model_type") == ALIBI:
        return UNBOUNDED
    if (family := family_of(config)) is not None:
        return family.tokens(config)
    # GPT-2 calls this n_positions.
    positions = config.get("max_position_embeddings", config.get("n_positions"))
    if positions is None:
        return UNBOUNDED
    offset = 0
    sparse = config.get("attention_type", "block_sparse") == "block_sparse"
    if config.get("model_type") == "big_bird" and sparse:
        # Rows are padded to whole blocks.
        offset = int(positions) % int(config.get("block_size") or 64)
    if config.get("model_type") in FROM_PADDING:
        # MPNet counts from 2, whatever its padding token.
        pad = None if config.get("model_type") == "mpnet" else config.get("pad_token_id")
        offset = (1 if pad is None else int(pad)) + 1
    return int(positions) - offset


def capacity(config: Mapping[str, Any]) -> int:
    """Return the maximum number of tokens of a sequence, which is unlimited with windows."""
    return UNBOUNDED if config.get(WINDOWS) else tokens_at_once(config)


def check_fits(max_tokens: int, num_tokens: int) -> None:
    """Raise :class:`InputError` if `num_tokens` is more than a model's `max_tokens` positions."""
    if num_tokens > max_tokens:
        raise InputError(
            f"the longest sequence has {num_tokens} tokens, but the model reads at most "
            f"{max_tokens}",
            remedy=f"Use --max-tokens {num_tokens} or more, a tokenizer with longer tokens, "
            "shorter sequences, or --windows to read them in parts.",
        )
