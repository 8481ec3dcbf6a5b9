"""The loss of signals along a row: Poisson deviance relative to that of the mean."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from dnasweep.devices import tensor_like
from dnasweep.tasks.last_layer import compute_exactly

LARGEST = 30.0
"""Largest logarithm of a signal, in units of its mean, that a model in training predicts."""


class PoissonLoss(NamedTuple):
    """Poisson deviance of bin means, with a logarithmic link.

    Each track is scaled by the deviance of predicting its mean, so tracks with large and small
    values have equal weight, and a model that has learned nothing has a loss of 1.
    """

    mean: np.ndarray
    """Mean of the training bins, (tracks,)."""
    null: np.ndarray
    """Mean deviance of predicting this mean in the training bins, (tracks,)."""

    def __call__(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum of the loss over rows, and the number of rows.

        Parameters
        ----------
        logits
            (rows, bins, tracks).
        targets
            Signals, (rows, bins x tracks).
        """
        own = targets.view(logits.shape).to(logits.dtype)
        log_rate = self._log_rate(logits)
        each = 2 * (torch.xlogy(own, own) - own * log_rate - own + log_rate.exp())
        scaled = each / tensor_like(self.null, logits)
        return scaled.mean((1, 2)).sum(), torch.full((), float(len(targets)), device=logits.device)

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
