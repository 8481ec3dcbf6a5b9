"""Properties of a model family other than its computation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dnasweep.models.families.lengths import UNBOUNDED


def _any_length(config: Mapping[str, Any]) -> int:
    return UNBOUNDED


def _never(config: Mapping[str, Any]) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Family:
    """Models of one architecture: how to build, read and mask their rows.

    The rows are built by :mod:`dnasweep.tokens.recognition`, and a tokenizer that builds other rows is refused by
    :mod:`dnasweep.models.pretrained.vocabulary_match`.

    A row has one position before its first and one after its last DNA token. If a family has no special
    token there, the position contains the padding token, which no model of the family reads.
    """

    name: str
    """Name used by the authors."""
    model_type: str
    """Model type in the `config.json` of models saved by this platform. transformers alone does not know it,
    and therefore refuses instead of running another model."""
    told_by: Callable[[Mapping[str, Any]], bool]
    """Function that tells whether a `config.json` from the hub belongs to this family."""
    weights: str
    """Regular expression for names of weights that only this family has."""
    first: Literal["[CLS]", "nothing"]
    """First token of a row."""
    last: Literal["[SEP]", "nothing"]
    """Last token of a row."""
    padded_on: Literal["left", "right"]
    """Side on which the authors' tokenizer pads a batch; this platform always pads on the right."""
    foreign: str
    """Tokens for letters other than A, C, G and T, which are first replaced by N."""
    reads: Literal["first token", "last token", "mean"]
    """Last hidden states that the classifier reads."""
    one_length: bool
    """Whether padding would change a value in the authors' code. If so, rows of equal length are computed
    together, without padding."""
    attention: bool = True
    """Whether the model has attention, which can be shown."""
    objective: Literal["masked", "causal"] = "masked"
    """Pretraining objective."""
    reads_ahead: Callable[[Mapping[str, Any]], bool] = _never
    """Function of `config.json` that tells whether a causal model reads the token that it predicts."""
    absent: Literal["[MASK]"] = "[MASK]"
    """Token that replaces absent tokens in attributions."""
    tokens: Callable[[Mapping[str, Any]], int] = _any_length
    """Function of `config.json` that returns the maximum number of tokens of a row."""
    state_floats: Callable[[Mapping[str, Any], int], float] | None = None
    """Function of `config.json` and the number of tokens that returns how many floats per token a recurrence
    keeps in a forward pass without gradients; None if there is no recurrence."""
    longest: str = "no limit"
    """Description of the maximum number of tokens."""
    complements: bool = False
    """Whether the model reads the reverse complement itself, using a map of token ids in `config.json`."""
    read_settings: frozenset[str] = frozenset()
    """Settings of `config.json` that the architecture reads, in addition to those of its base class."""
    only: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    """Settings that are ignored, with the values for which this makes no difference."""
    off_if_null: tuple[str, ...] = ()
    """Settings that the authors' code reads as false if they are null, and not as if they were absent."""
    unread_pad_id: int | None = None
    """Padding token in `config.json` that trainers write whatever the tokenizer's is; the model does not read it."""

    def has_weights(self, names: Any) -> bool:
        """Return whether one of the weight names occurs only in this family."""
        return any(re.search(self.weights, name) for name in names)
