"""Handling of accelerators (GPUs), which compute asynchronously in their own memory.

An operation returns immediately and runs later; the host waits only when it reads a number. Tensors are
therefore copied from pinned memory, and results are read as rarely as possible. Importing this module does
not import torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

ACCELERATORS = ["cuda"]
"""Device types by torch's names; torch uses `cuda` for AMD GPUs as well."""
DRIVERS = ("/dev/nvidiactl", "/proc/driver/nvidia/version", "/dev/dxg", "/dev/kfd")
"""Files of GPU drivers; without any of them, there is no GPU."""
NUMBERS_READ = 1 << 22
"""Number of result values that are collected before they are read from an accelerator: 32 MB."""
Key = TypeVar("Key")


def has_gpu_driver() -> bool:
    """Return whether this machine has the driver of a GPU, without importing torch."""
    return any(Path(driver).exists() for driver in DRIVERS)


def is_accelerator(device: torch.device) -> bool:
    """Return whether a device is an accelerator."""
    return device.type in ACCELERATORS


def best_device() -> torch.device:
    """Return the current accelerator if there is one, else the CPU."""
    import torch

    for name in ACCELERATORS:
        module = torch.get_device_module(name)
        if module.is_available():
            return torch.device(name, module.current_device())
    return torch.device("cpu")


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy a CPU tensor to a device without waiting; for the CPU, return the tensor itself.

    Parameters
    ----------
    tensor
        Tensor on the CPU; it must not be changed afterwards.
    device
        Target device.
    """
    if is_accelerator(device):
        # torch keeps the pinned memory until the copy has finished.
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def tensor_like(values: NDArray[Any], tensor: torch.Tensor) -> torch.Tensor:
    """Return an array as a tensor with the number type and on the device of another tensor."""
    import torch

    return to_device(torch.as_tensor(values, dtype=tensor.dtype), tensor.device)


def read_together(parts: Iterable[tuple[Key, torch.Tensor]]) -> Iterator[tuple[Key, torch.Tensor]]:
    """Yield tensors on the CPU with their keys, in order, reading many from the device at once.

    So an accelerator computes one batch while the host prepares the next.

    Parameters
    ----------
    parts
        Tensors of one number type on one device, each with its key.
    """
    waiting: list[tuple[Key, torch.Tensor]] = []
    for part in parts:
        if not is_accelerator(part[1].device):
            yield part
            continue
        waiting.append(part)
        if sum(tensor.numel() for _, tensor in waiting) >= NUMBERS_READ:
            yield from _read(waiting)
            waiting = []
    if waiting:
        yield from _read(waiting)


def _read(parts: list[tuple[Key, torch.Tensor]]) -> Iterator[tuple[Key, torch.Tensor]]:
    import torch

    numbers = torch.cat([tensor.flatten() for _, tensor in parts]).cpu()
    split = numbers.split([tensor.numel() for _, tensor in parts])
    for (key, tensor), own in zip(parts, split, strict=True):
        yield key, own.view(tensor.shape)


def free_memory(device: torch.device) -> int:
    """Return the free memory of an accelerator in bytes, including memory that torch has reserved."""
    module = _module(device)
    kept = module.memory_reserved(device) - module.memory_allocated(device)
    return int(module.mem_get_info(device)[0] + kept)


def total_memory(device: torch.device) -> int:
    """Return the total memory of an accelerator in bytes."""
    return int(_module(device).mem_get_info(device)[1])


def peak_memory(device: torch.device) -> int:
    """Return this process's peak tensor memory on an accelerator in bytes since the last reset."""
    return int(_module(device).max_memory_allocated(device))


def reset_peak_memory(device: torch.device) -> None:
    """Reset :func:`peak_memory`; no effect on a CPU."""
    if is_accelerator(device):
        _module(device).reset_peak_memory_stats(device)


def release_memory(device: torch.device) -> None:
    """Release the unused accelerator memory that torch has reserved."""
    if is_accelerator(device):
        _module(device).empty_cache()


def wait_for(device: torch.device) -> None:
    """Wait until a device has finished all its work."""
    if is_accelerator(device):
        _module(device).synchronize(device)


def has_bf16(device: torch.device) -> bool:
    """Return whether a device is an accelerator that computes in bf16, without emulating it.

    GPUs older than Ampere, such as T4 and V100, emulate it, which is slower than fp32.
    """
    return is_accelerator(device) and bool(
        _module(device).is_bf16_supported(including_emulation=False)
    )


def _module(device: torch.device) -> Any:
    """Return torch's module for a device type, such as `torch.cuda`."""
    import torch

    return torch.get_device_module(device)
