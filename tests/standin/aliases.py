"""One memory, two devices: a tensor of the device and one of the CPU over the same numbers.

DLPack describes a tensor by address, shape, strides and device. A tensor is handed over with the device's
number exchanged, so that torch makes a plain tensor of the other device over the memory of the first.
"""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

_CPU, _EXTENSION = 1, 12
"""Numbers of device types in DLPack; torch reads the second as its private device."""
_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


def on_cpu(tensor: Tensor) -> Tensor:
    """Return a tensor of the CPU over the memory of one of the device."""
    return _exchanged(tensor, _CPU)


def on_device(tensor: Tensor) -> Tensor:
    """Return a tensor of the device over the memory of one of the CPU."""
    return _exchanged(tensor, _EXTENSION)


def _exchanged(tensor: Tensor, device_type: int) -> Tensor:
    tensor = tensor.detach()
    if tensor.is_conj():
        # DLPack has no word for numbers that are to be read as their conjugates.
        return _exchanged(tensor.conj(), device_type).conj()
    if tensor.is_neg():
        return torch._neg_view(_exchanged(torch._neg_view(tensor), device_type))
    capsule = torch._C._to_dlpack(tensor)
    # The struct begins with the address of the numbers; then come type and number of the device.
    start = _pointer(capsule, b"dltensor") + ctypes.sizeof(ctypes.c_void_p)
    ctypes.c_int32.from_address(start).value = device_type
    ctypes.c_int32.from_address(start + 4).value = 0
    return torch._C._from_dlpack(capsule)
