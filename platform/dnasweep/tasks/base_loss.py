"""The loss of a class for each base: cross-entropy over the bases of the sequences."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from dnasweep.tasks.class_loss import ClassLoss


class BaseLoss(NamedTuple):
    """Mean cross-entropy over bases, returned as sums that can be added over batches."""

    of_classes: ClassLoss
    """Loss of a base."""

    def __call__(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the summed nats of bases, and the sum of the weights of their classes.

        Parameters
        ----------
        logits
            (rows, bases, classes).
        targets
            Class numbers, (rows, bases or more), below 0 outside the row.
        """
        own = targets[:, : logits.shape[1]].long()
        return self.of_classes(logits[:, : own.shape[1]].flatten(0, 1), own.flatten())

    def predictions(self, logits: Tensor) -> Tensor:
        """Return the probabilities of the classes of each base, (rows, bases, classes)."""
        return logits.softmax(-1)
