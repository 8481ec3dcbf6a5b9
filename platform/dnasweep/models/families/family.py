"""What has to be known about a family of models, apart from its arithmetic."""

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
    """Models of one architecture: how their rows have to be built, read and masked.

    The rows are built by :mod:`dnasweep.tokens.recognition`, and a tokenizer that builds other rows is refused by
    :mod:`dnasweep.models.pretrained.vocabulary_match`.

    A row has a place before its first and behind its last token of DNA. Where a family has no special token
    for one of them, the padding token stands there, which no model of the family reads.
    """

    name: str
    """As its authors call it."""
    model_type: str
    """Model type in the `config.json` of models that are saved here. transformers alone does not know
    it, and refuses to run another model instead."""
    told_by: Callable[[Mapping[str, Any]], bool]
    """Whether a `config.json` of the hub is one of this family."""
    weights: str
    """Regular expression of a weight's name that this family has and no other model."""
    first: Literal["[CLS]", "nothing"]
    """What a row begins with."""
    last: Literal["[SEP]", "nothing"]
    """What a row ends with."""
    padded_on: Literal["left", "right"]
    """Side on which the authors' own tokenizer fills up a batch; here it is always the right."""
    foreign: str
    """What a letter other than A, C, G and T becomes, once it is written as N."""
    reads: Literal["first token", "last token", "mean"]
    """What the classifier reads of the last hidden states."""
    one_length: bool
    """Whether padding would change a value in the authors' code. Rows of one length are then computed
    together, without padding."""
    attention: bool = True
    """Whether tokens attend to one another, so that attention can be shown."""
    objective: Literal["masked", "causal"] = "masked"
    """How it was pretrained."""
    reads_ahead: Callable[[Mapping[str, Any]], bool] = _never
    """Whether a causal model has read the token that it predicts, from `config.json`."""
    absent: Literal["[MASK]"] = "[MASK]"
    """Token that stands for one that is left out, in attributions."""
    tokens: Callable[[Mapping[str, Any]], int] = _any_length
    """Most tokens of a row, from `config.json`."""
    state_floats: Callable[[Mapping[str, Any], int], float] | None = None
    """Numbers for each token that a recurrence keeps in a forward pass without gradients, from
    `config.json` and the tokens of a row; None: there is no recurrence."""
    longest: str = "any"
    """The same in words."""
    complements: bool = False
    """Whether the model itself reads the reverse complement, by a map of token ids in `config.json`."""
    read_settings: frozenset[str] = frozenset()
    """Settings of `config.json` that the architecture reads, beside those of the class it is built on."""
    only: tuple[tuple[str, tuple[Any, ...]], ...] = ()
    """Settings that nothing reads here, with the values at which they make no difference."""

    def has_weights(self, names: Any) -> bool:
        """Return whether one of the names is of a weight that only this family has."""
        return any(re.search(self.weights, name) for name in names)
