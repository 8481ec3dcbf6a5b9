"""The regression loss: squared error in units of the standard deviation of the training rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from dnasweep.devices import tensor_like
from dnasweep.tasks.last_layer import compute_exactly, last_layer


class SquaredError(NamedTuple):
    """Mean squared error over the outputs of a row, each scaled to mean 0 and variance 1."""

    mean: np.ndarray
    """Mean of the training rows, (outputs,)."""
    deviation: np.ndarray
    """Standard deviation of the training rows, (outputs,)."""

    def __call__(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum of the error over rows, and the number of rows."""
        scaled = (targets - tensor_like(self.mean, targets)) / tensor_like(self.deviation, targets)
        squared = (logits - scaled.to(logits.dtype)) ** 2
        return squared.mean(1).sum(), torch.full((), float(len(targets)), device=logits.device)

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
