"""The multilabel loss: binary cross-entropy of the presence of each label."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


class LabelLoss:
    """Mean binary cross-entropy over the labels of a row, as sums to add over batches."""

    def __call__(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum of nats over rows, and the number of rows."""
        each = F.binary_cross_entropy_with_logits(
            logits, targets.to(logits.dtype), reduction="none"
        )
        return each.mean(1).sum(), torch.full((), float(len(targets)), device=logits.device)

    def predictions(self, logits: Tensor) -> Tensor:
        """Return the probability of each label, (rows, labels)."""
        return logits.sigmoid()
