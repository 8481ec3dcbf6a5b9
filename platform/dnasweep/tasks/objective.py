"""The interface of training losses, and types shared by tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from numpy.typing import NDArray

from dnasweep.tasks.influence import Floats

if TYPE_CHECKING:
    from torch import Tensor

Targets = NDArray[Any]
"""Class numbers (n,), or outputs (n, k)."""
Thresholds = tuple[float, ...]
Validated = tuple[Targets, Floats] | None
"""Targets of validation rows and predictions of the best weights; None: no validation."""
Held = tuple[Sequence[str], Targets] | None
"""Sequences and targets of validation rows; None: there are none."""
Value = Literal["log_odds", "logit", "probability"]
"""Quantity of an output to explain."""


class Output(NamedTuple):
    """The output of a model that is explained."""

    target: int
    """Number of the class or output."""
    value: Value = "log_odds"
    """What of it."""
    against: int | None = None
    """Class to compare with; None: all others together."""
    place: int | None = None
    """The base or bin; None: the whole row."""


class Objective(Protocol):
    """A training loss."""

    def __call__(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the summed loss of rows, and the weight to divide it by."""

    def predictions(self, logits: Tensor) -> Tensor:
        """Return the predictions of a model during training, (rows, outputs)."""
