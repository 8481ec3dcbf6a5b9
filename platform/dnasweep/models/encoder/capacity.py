"""How many tokens a model can read, from its configuration alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dnasweep.errors import InputError
from dnasweep.models.families.lengths import UNBOUNDED
from dnasweep.models.families.registry import family_of

ALIBI = "dnasweep-alibi-roberta"
"""Model type, in `config.json`, of our RoBERTa whose attention is biased by distance."""
WINDOWS = "dnasweep_windows"
"""Name in `config.json` of how longer sequences are read: the `tokens` of a window and the `pool`."""
# Their first position is the one after the id of the padding token.
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
        Contents of `config.json`.
    """
    if config.get("model_type") == ALIBI:
        return UNBOUNDED
    if (family := family_of(config)) is not None:
        return family.tokens(config)
    # A GPT-2 calls them n_positions.
    positions = config.get("max_position_embeddings", config.get("n_positions"))
    if positions is None:
        return UNBOUNDED
    offset = 0
    if config.get("model_type") in _OFFSET:
        # An MPNet counts from 2, whatever its padding token.
        pad = None if config.get("model_type") == "mpnet" else config.get("pad_token_id")
        offset = (1 if pad is None else int(pad)) + 1
    return int(positions) - offset


def capacity(config: Mapping[str, Any]) -> int:
    """Return the most tokens of a sequence: any number where it is read in windows."""
    return UNBOUNDED if config.get(WINDOWS) else tokens_at_once(config)


def check_fits(max_tokens: int, num_tokens: int) -> None:
    """Raise :class:`InputError` where `num_tokens` is more than a model's `max_tokens` positions."""
    if num_tokens > max_tokens:
        raise InputError(
            f"the longest sequence has {num_tokens} tokens, but the model reads at most "
            f"{max_tokens}",
            remedy=f"Use --max-tokens {num_tokens} or more, a tokenizer with longer tokens, "
            "shorter sequences, or --windows to read them in parts.",
        )
