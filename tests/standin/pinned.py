"""Pinned memory, from which a GPU copies while the host goes on: here a mark on a copy of the tensor."""

from __future__ import annotations

import weakref

from torch import Tensor

_addresses: set[int] = set()


def replace() -> None:
    """Give tensors a `pin_memory` that needs no driver."""
    Tensor.pin_memory = _pin_memory  # type: ignore[method-assign]
    Tensor.is_pinned = is_pinned  # type: ignore[method-assign]


def is_pinned(tensor: Tensor) -> bool:
    """Return whether a tensor lies in memory that was pinned."""
    return tensor.untyped_storage().data_ptr() in _addresses


def _pin_memory(tensor: Tensor) -> Tensor:
    if tensor.device.type != "cpu":
        raise RuntimeError("only tensors of the CPU can be pinned")
    copy = tensor.clone()
    address = copy.untyped_storage().data_ptr()
    _addresses.add(address)
    weakref.finalize(copy, _addresses.discard, address)
    return copy
