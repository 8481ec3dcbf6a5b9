"""The training loss of each task, as sums to add over batches; see :class:`~dnasweep.tasks.objective.Objective`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dnasweep.devices import tensor_like
from dnasweep.tasks.last_layer import compute_exactly, last_layer

_NONE = -100
"""Target that torch ignores."""
LARGEST = 30.0
"""Largest logarithm of a signal, in units of its mean, that a model in training predicts."""


class ClassLoss(NamedTuple):
    """Cross-entropy as in `torch.nn.functional.cross_entropy`.

    The sum of nats divided by the sum of weights is torch's mean. Rows with a target below 0 are ignored.
    """

    weights: np.ndarray | None = None
    """Weight of each class, (classes,); None: equal weights."""
    label_smoothing: float = 0.0
    """Probability that targets spread evenly over all classes (Szegedy et al. 2016)."""

    def __call__(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
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


class BaseLoss(NamedTuple):
    """Cross-entropy of a class for each base, over the bases of the sequences.

    Logits have shape (rows, bases, classes); targets (rows, bases or more), below 0 outside the row.
    """

    of_classes: ClassLoss
    """Loss of a base."""

    def __call__(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        own = targets[:, : logits.shape[1]].long()
        return self.of_classes(logits[:, : own.shape[1]].flatten(0, 1), own.flatten())

    def predictions(self, logits: Tensor) -> Tensor:
        return logits.softmax(-1)


class LabelLoss:
    """Binary cross-entropy of the presence of each label, mean over the labels of a row."""

    def __call__(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        each = F.binary_cross_entropy_with_logits(
            logits, targets.to(logits.dtype), reduction="none"
        )
        return each.mean(1).sum(), _number(logits)

    def predictions(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()


class SquaredError(NamedTuple):
    """Mean squared error over the outputs of a row, each scaled to mean 0 and variance 1."""

    mean: np.ndarray
    """Mean of the training rows, (outputs,)."""
    deviation: np.ndarray
    """Standard deviation of the training rows, (outputs,)."""

    def __call__(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        scaled = (targets - tensor_like(self.mean, targets)) / tensor_like(self.deviation, targets)
        squared = (logits - scaled.to(logits.dtype)) ** 2
        return squared.mean(1).sum(), _number(logits)

    def predictions(self, logits: Tensor) -> Tensor:
        """Return the predictions in the units of the labels, (rows, outputs)."""
        return logits * tensor_like(self.deviation, logits) + tensor_like(self.mean, logits)

    def build_in(self, model: Any) -> None:
        """Change the last layer of a model in place, so its logits are in the units of the labels.

        The layer must have a bias, to which the mean is added.
        """
        layer = last_layer(model, len(self.mean))
        deviation, mean = (
            torch.as_tensor(value, dtype=torch.float64, device=layer.weight.device)
            for value in (self.deviation, self.mean)
        )
        with torch.no_grad():
            layer.weight.copy_(layer.weight.double() * deviation[:, None])
            layer.bias.copy_(layer.bias.double() * deviation + mean)
        compute_exactly(layer)


class PoissonLoss(NamedTuple):
    """Poisson deviance of the bin means of signals along a row, with a logarithmic link.

    Each track is scaled by the deviance of predicting its mean, so tracks with large and small
    values have equal weight, and a model that has learned nothing has a loss of 1. Logits have shape
    (rows, bins, tracks), and targets (rows, bins x tracks).
    """

    mean: np.ndarray
    """Mean of the training bins, (tracks,)."""
    null: np.ndarray
    """Mean deviance of predicting this mean in the training bins, (tracks,)."""

    def __call__(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        own = targets.view(logits.shape).to(logits.dtype)
        log_rate = self._log_rate(logits)
        each = 2 * (torch.xlogy(own, own) - own * log_rate - own + log_rate.exp())
        scaled = each / tensor_like(self.null, logits)
        return scaled.mean((1, 2)).sum(), _number(logits)

    def predictions(self, logits: Tensor) -> Tensor:
        """Return the signals, in the units of the tracks, (rows, bins, tracks)."""
        return self._log_rate(logits).exp()

    def build_in(self, model: Any) -> None:
        """Change the head of a model, so its logits are log signals in the units of the tracks."""
        bias = model.classifier.bias
        log_mean = torch.as_tensor(np.log(self.mean), dtype=torch.float64, device=bias.device)
        with torch.no_grad():
            bias.copy_((bias.double().view(-1, len(self.mean)) + log_mean).flatten())
        compute_exactly(model.classifier)

    def _log_rate(self, logits: Tensor) -> Tensor:
        return logits.clamp(max=LARGEST) + tensor_like(np.log(self.mean), logits)


def _number(logits: Tensor) -> Tensor:
    """Return the number of rows, on the device of the logits."""
    return torch.full((), float(len(logits)), device=logits.device)
