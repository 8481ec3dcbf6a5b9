"""Every operation of the device: computed by the CPU's kernel over the same memory."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, library

from standin.aliases import on_cpu, on_device
from standin.card import NAME
from standin.pinned import is_pinned
from standin.waits import WAITS, place

_A = torch.ops.aten
_SHAPES = {
    _A.nonzero.default, _A.masked_select.default, _A._unique2.default, _A.unique_dim.default,
    _A.unique_consecutive.default, _A.repeat_interleave.Tensor, _A.bincount.default, _A.equal.default,
}  # fmt: skip
"""Their results have shapes, or are values, that the host has to know."""
_INDEXED = {
    _A.index.Tensor, _A.index.Tensor_out, _A.index_put.default, _A.index_put_.default,
    _A._index_put_impl_.default,
}  # fmt: skip
"""They take indices that lie on the host, and copy them to the device."""
_libraries: list[library.Library] = []


class MixedDevicesError(RuntimeError):
    """A tensor of the CPU met one of the device."""


def register() -> None:
    """Have torch call :func:`run` for what it cannot compose of other operations."""
    every = library.Library("_", "IMPL")
    every.fallback(run, dispatch_key="PrivateUse1")
    # torch asks a private device for its own.
    aten = library.Library("aten", "IMPL")
    for name in ("convolution_overrideable", "convolution_backward_overrideable"):
        aten.impl(name, functools.partial(run, _CONVOLUTIONS[name]), "PrivateUse1")
    # A copy reads conjugates as they are; torch would make a copy first, and of that another.
    for key in ("Conjugate", "Negative"):
        aten.impl("_copy_from", library.fallthrough_kernel, key)
    _libraries.extend([every, aten])


def _convolution_backward(
    gradient: Tensor, inputs: Tensor, weight: Tensor, *how: Any
) -> tuple[Tensor, Tensor, Tensor]:
    return _A.convolution_backward(gradient, inputs, weight, [gradient.shape[1]], *how)


_CONVOLUTIONS = {
    "convolution_overrideable": _A.convolution.default,
    "convolution_backward_overrideable": _convolution_backward,
}


def run(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Compute an operation that takes a tensor of the device or makes one."""
    if function is _A._copy_from.default:
        return _copy(*args, **kwargs)
    if function is _A._local_scalar_dense.default:
        WAITS.add("read")
    if function in _SHAPES:
        WAITS.add("shape")
    _check_devices(function, list(_tensors([args, list(kwargs.values())])))
    aliases: dict[int, tuple[Tensor, Tensor]] = {}

    def to_cpu(value: Any) -> Any:
        if isinstance(value, Tensor) and value.device.type == NAME:
            alias = on_cpu(value)
            aliases[id(alias)] = alias, value
            return alias
        return torch.device("cpu") if isinstance(value, torch.device) else value

    def to_device(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        # What was changed in place is the tensor that was given.
        return aliases[id(value)][1] if id(value) in aliases else on_device(value)

    here, named = mapped(to_cpu, args), {name: mapped(to_cpu, kwargs[name]) for name in kwargs}
    out = kwargs.get("out")
    if isinstance(out, Tensor) and out.numel() == 0:
        # Memory of another tensor cannot grow: the result takes the place of an empty one.
        out.data = on_device(function(*here, **{**named, "out": torch.empty(0, dtype=out.dtype)}))
        return out
    found = function(*here, **named)
    if _is_view(function):
        # A view of a tensor that was made outside inference mode is none of it, wherever it is taken.
        with torch.inference_mode(args[0].is_inference()):
            return mapped(to_device, found)
    return mapped(to_device, found)


def mapped(change: Callable[[Any], Any], value: Any) -> Any:
    """Return a value, or a list or tuple of values, changed one by one."""
    if isinstance(value, list | tuple):
        return type(value)([mapped(change, part) for part in value])
    return change(value)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)


@functools.cache
def _is_view(function: Any) -> bool:
    """Return whether the results of an operation share the memory of what it is given."""
    if not isinstance(function, torch._ops.OpOverload):
        return False
    aliases = [result.alias_info for result in function._schema.returns]
    return any(alias is not None and not alias.is_write for alias in aliases)


def _copy(source: Tensor, target: Tensor, non_blocking: bool = False) -> Tensor:
    """Copy between devices; a GPU does it meanwhile only from pinned memory that is told so."""
    if target.device.type != NAME:
        WAITS.add("download")
    elif source.device.type != NAME and not (non_blocking and is_pinned(source)):
        WAITS.add("upload")
    there, here = (on_cpu(t) if t.device.type == NAME else t for t in (target, source))
    there.copy_(here)
    return target


def _check_devices(function: Any, tensors: list[Tensor]) -> None:
    """Raise where a tensor of the CPU meets one of the device; a single number may."""
    if not any(tensor.device.type == NAME for tensor in tensors):
        return
    for tensor in tensors:
        if tensor.device.type == NAME or tensor.ndim == 0:
            continue
        if function in _INDEXED:
            WAITS.add("index")
            continue
        raise MixedDevicesError(
            f"{function} in {place()}: a tensor of the CPU, {tuple(tensor.shape)}, meets one of the device"
        )
