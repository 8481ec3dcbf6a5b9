"""Deep copies of tensors of the device, which torch would make by an allocator that it does not have."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from standin.card import NAME

_deepcopy = Tensor.__deepcopy__


def replace() -> None:
    """Copy a tensor of the device as a whole."""
    Tensor.__deepcopy__ = _copied  # type: ignore[method-assign]


def _copied(tensor: Tensor, memo: dict[int, Any]) -> Tensor:
    if tensor.device.type != NAME:
        return _deepcopy(tensor, memo)
    if id(tensor) not in memo:
        memo[id(tensor)] = tensor.detach().clone().requires_grad_(tensor.requires_grad)
    return memo[id(tensor)]
