"""The last layer of a model, which computes the logits."""

from __future__ import annotations

from typing import Any

from torch import nn


def last_layer(model: Any, num_outputs: int) -> nn.Linear:
    """Return the layer that computes the logits of a transformers classifier.

    Parameters
    ----------
    model
        The model.
    num_outputs
        Number of logits.
    """
    inside = set(model.base_model.modules())
    layers = [
        module
        for module in model.modules()
        if isinstance(module, nn.Linear)
        and module not in inside
        and module.out_features == num_outputs
    ]
    return layers[-1]
