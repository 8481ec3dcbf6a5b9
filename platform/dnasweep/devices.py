"""What is different on an accelerator, a GPU: it computes beside the host, in memory of its own.

An operation returns at once and is done later, until the host asks for a number. So tensors go to it from
pinned memory, and nothing is read from it in a step or a batch that need not be. Importing this needs no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch

ACCELERATORS = ["cuda"]
"""Device types, as torch names them; `cuda` is also what torch calls AMD's."""
DRIVERS = ("/dev/nvidiactl", "/proc/driver/nvidia/version", "/dev/dxg", "/dev/kfd")
"""Where none of these exists, there is no GPU."""
NUMBERS_READ = 1 << 22
"""Numbers that results of batches have before they are read from an accelerator: 32 MB."""
Key = TypeVar("Key")


def has_gpu_driver() -> bool:
    """Return whether this machine has the driver of a GPU, without importing torch."""
    return any(Path(driver).exists() for driver in DRIVERS)


def is_accelerator(device: torch.device) -> bool:
    """Return whether a device is an accelerator."""
    return device.type in ACCELERATORS


def best_device() -> torch.device:
    """Return the current accelerator where there is one, else the CPU."""
    import torch

    for name in ACCELERATORS:
        module = torch.get_device_module(name)
        if module.is_available():
            return torch.device(name, module.current_device())
    return torch.device("cpu")


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a tensor of the CPU on a device, on a CPU itself; the host does not wait for the copy.

    Parameters
    ----------
    tensor
        On the CPU. It must not be changed afterwards.
    device
        Where it is wanted.
    """
    if is_accelerator(device):
        # torch keeps pinned memory until the copy is done.
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def read_together(
    parts: Iterable[tuple[Key, torch.Tensor]], *, most: int = NUMBERS_READ
) -> Iterator[tuple[Key, torch.Tensor]]:
    """Yield tensors on the CPU, in their order, each with its key; many are read from a device at once.

    So an accelerator computes one batch while the host prepares the next.

    Parameters
    ----------
    parts
        Tensors of one type of number on one device, each with what says what it is of.
    most
        Numbers that are kept on the device until they are read.
    """
    waiting: list[tuple[Key, torch.Tensor]] = []
    for part in parts:
        if not is_accelerator(part[1].device):
            yield part
            continue
        waiting.append(part)
        if sum(tensor.numel() for _, tensor in waiting) >= most:
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
    """Return the free bytes of an accelerator, with those that torch keeps for itself."""
    module = _module(device)
    kept = module.memory_reserved(device) - module.memory_allocated(device)
    return int(module.mem_get_info(device)[0] + kept)


def total_memory(device: torch.device) -> int:
    """Return the bytes that an accelerator has in all."""
    return int(_module(device).mem_get_info(device)[1])


def peak_memory(device: torch.device) -> int:
    """Return the most bytes of tensors that this process has had on an accelerator, since the last reset."""
    return int(_module(device).max_memory_allocated(device))


def reset_peak_memory(device: torch.device) -> None:
    """Begin to count the peak of :func:`peak_memory` anew; on a CPU nothing is done."""
    if is_accelerator(device):
        _module(device).reset_peak_memory_stats(device)


def release_memory(device: torch.device) -> None:
    """Give back what torch keeps of an accelerator's memory without using it."""
    if is_accelerator(device):
        _module(device).empty_cache()


def wait_for(device: torch.device) -> None:
    """Return once a device has done all that it was asked to."""
    if is_accelerator(device):
        _module(device).synchronize(device)


def has_bf16(device: torch.device) -> bool:
    """Return whether a device is an accelerator that computes in bf16."""
    return is_accelerator(device) and bool(_module(device).is_bf16_supported())


def _module(device: torch.device) -> Any:
    """Return what torch has for a type of device, as `torch.cuda`."""
    import torch

    return torch.get_device_module(device)
