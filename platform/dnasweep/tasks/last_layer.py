"""The last layer of a model, which computes the logits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class ExactLinear(nn.Linear):
    """A linear layer computed in the precision of its weights, also where autocast uses bf16."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the outputs, (..., outputs), of inputs (..., inputs)."""
        with torch.autocast(input.device.type, enabled=False):
            return super().forward(input.to(self.weight.dtype))


def compute_exactly(layer: nn.Linear) -> None:
    """Compute a layer in fp32 even if the rest of its model is computed in bf16.

    Logits in the units of the labels may be much larger than their differences, and bf16 has only
    8 significant bits: between 512 and 1024 its numbers are 4 apart.
    """
    layer.__class__ = ExactLinear


def last_layer(model: Any, num_outputs: int) -> nn.Linear:
    """Return the layer that computes the logits of a transformers classifier.

    Parameters
    ----------
    model
        The model.
    num_outputs
        Number of logits.
    """
    return output_layers(model, num_outputs)[-1]


def output_layers(model: Any, num_outputs: int) -> list[nn.Linear]:
    """Return the linear layers of a classifier's head with this number of outputs, in order."""
    inside = set(model.base_model.modules())
    return [
        module
        for module in model.modules()
        if isinstance(module, nn.Linear)
        and module not in inside
        and module.out_features == num_outputs
    ]
