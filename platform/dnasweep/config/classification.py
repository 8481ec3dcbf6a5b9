"""What a classifier is taught, besides the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dnasweep.config.keys import require

AVERAGED = "average_reverse_complement"
"""Name in the `config.json` of a classifier that calls by both strands."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassificationConfig:
    """How rows are shown to a classifier and what counts as right."""

    augment_reverse_complement: bool = False
    """Show each training row as it is or as its reverse complement, drawn by row and epoch."""
    average_reverse_complement: bool = False
    """Call by the mean of the log odds of both strands, at validation, test and prediction."""
    class_weights: Literal["none", "balanced"] = "none"
    """Weight of a class in the training loss: all alike, or in inverse proportion to its rows."""
    label_smoothing: float = 0.0
    """Probability mass that the training target gives to all classes alike."""
    keep: Literal["best", "last"] = "best"
    """The weights kept: of the best evaluation on validation, called at the threshold best there;
    or of the last step, called at 0.5, without a look at validation (few-shot designs have none)."""

    @property
    def both_strands(self) -> bool:
        """Whether reverse complements are read at all."""
        return self.augment_reverse_complement or self.average_reverse_complement

    def __post_init__(self) -> None:
        require(
            0 <= self.label_smoothing < 1,
            "label_smoothing",
            self.label_smoothing,
            "Use a fraction from 0 to below 1.",
        )
