"""The loss of labels of which a row may have several: cross-entropy of each, present or not."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


class LabelLoss:
    """Binary cross-entropy, mean over the labels of a row, in sums that add up over batches."""

    def __call__(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the summed nats of rows, and their number."""
        each = F.binary_cross_entropy_with_logits(
            logits, targets.to(logits.dtype), reduction="none"
        )
        return each.mean(1).sum(), torch.full((), float(len(targets)), device=logits.device)

    def predictions(self, logits: Tensor) -> Tensor:
        """Return the probability of each label, (rows, labels)."""
        return logits.sigmoid()
