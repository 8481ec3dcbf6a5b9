"""The loss of a classifier: cross-entropy, optionally with class weights and label smoothing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from dnasweep.devices import tensor_like

_NONE = -100
"""Target that torch ignores."""


class ClassLoss(NamedTuple):
    """Cross-entropy as in `torch.nn.functional.cross_entropy`, as sums to add over batches."""

    weights: np.ndarray | None = None
    """Weight of each class, (classes,); None: equal weights."""
    label_smoothing: float = 0.0
    """Probability that targets spread evenly over all classes (Szegedy et al. 2016)."""

    def __call__(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the summed nats of rows, and the sum of the weights of their classes.

        The first divided by the second is torch's mean. Rows with a target below 0 are ignored.
        """
        known, weights = targets >= 0, None
        total = known.sum().to(logits.dtype)
        if self.weights is not None:
            weights = tensor_like(self.weights, logits)
            total = (weights[targets.clamp(min=0)] * known).sum()
        nats = F.cross_entropy(
            logits,
            targets.where(known, _NONE),
            weight=weights,
            ignore_index=_NONE,
            label_smoothing=self.label_smoothing,
            reduction="sum",
        )
        return nats, total

    def predictions(self, logits: Tensor) -> Tensor:
        """Return the probabilities of the classes, (rows, classes)."""
        return logits.softmax(-1)


def balanced_weights(labels: np.ndarray, num_labels: int) -> np.ndarray:
    """Return n / (classes x rows of the class) for each class, (num_labels,).

    With these weights, all classes have the same total weight, and a row has weight 1 on average
    (King and Zeng 2001). A class without rows has weight 0.

    Examples
    --------
    >>> balanced_weights(np.array([0, 0, 0, 1]), 2).round(2).tolist()
    [0.67, 2.0]
    """
    counts = np.bincount(labels, minlength=num_labels)
    return np.where(counts > 0, len(labels) / (num_labels * np.maximum(counts, 1)), 0.0)
