"""The loss of a classifier: cross-entropy, with classes weighed and targets smoothed where asked for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


class ClassLoss(NamedTuple):
    """Cross-entropy as `torch.nn.functional.cross_entropy` defines it, in parts that add up."""

    weights: np.ndarray | None = None
    """Weight of each class, (classes,); None: all alike."""
    label_smoothing: float = 0.0
    """Probability mass that targets give to all classes alike (Szegedy et al. 2016)."""

    def __call__(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the summed nats of rows, and the sum of the weights of their classes.

        Their quotient is the mean that torch defines; sums of batches add up to that of all rows.
        """
        weights = None
        total = torch.tensor(float(len(targets)), device=logits.device)
        if self.weights is not None:
            weights = torch.as_tensor(self.weights, dtype=logits.dtype, device=logits.device)
            total = weights[targets].sum()
        nats = F.cross_entropy(
            logits,
            targets,
            weight=weights,
            label_smoothing=self.label_smoothing,
            reduction="sum",
        )
        return nats, total


def balanced_weights(labels: np.ndarray, num_labels: int) -> np.ndarray:
    """Return n / (classes x rows of the class) for each class, (num_labels,).

    Every class then weighs as much in all, and a row weighs 1 on average (King and Zeng 2001). A
    class without rows has weight 0.
    """
    counts = np.bincount(labels, minlength=num_labels)
    return np.where(counts > 0, len(labels) / (num_labels * np.maximum(counts, 1)), 0.0)
