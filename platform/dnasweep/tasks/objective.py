"""The interface of training losses, and types shared by tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

from numpy.typing import NDArray

from dnasweep.tasks.influence import Floats

if TYPE_CHECKING:
    from torch import Tensor

Targets = NDArray[Any]
"""Class numbers (n,), or outputs (n, k)."""
Thresholds = tuple[float, ...]
Validated = tuple[Targets, Floats] | None
"""Targets of validation rows and predictions of the best weights; None: no validation."""
Value = Literal["log_odds", "logit", "probability"]
"""Quantity of an output to explain."""


class Objective(Protocol):
    """A training loss."""

    def __call__(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the summed loss of rows, and the weight to divide it by."""

    def predictions(self, logits: Tensor) -> Tensor:
        """Return the predictions of a model during training, (rows, outputs)."""
