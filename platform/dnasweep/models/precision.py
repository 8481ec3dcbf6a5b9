"""Which arithmetic this machine computes in, where nobody has said."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol

# Without one of these no driver of GPUs is there, and torch need not be imported to ask.
_DRIVERS = ("/dev/nvidiactl", "/proc/driver/nvidia/version", "/dev/dxg", "/dev/kfd")


class ResolvePrecision(Protocol):
    """Tells what `auto` stands for, before anything is named by it."""

    def __call__(
        self, asked: Literal["auto", "fp32", "bf16"], *, gpus: float | None, address: str | None
    ) -> Literal["fp32", "bf16"]: ...


def resolve_here(
    asked: Literal["auto", "fp32", "bf16"], *, gpus: float | None, address: str | None = None
) -> Literal["fp32", "bf16"]:
    """Return the arithmetic of what is computed on this machine, whatever cluster is at `address`.

    Parameters
    ----------
    asked
        `auto` is bf16 where it computes on GPUs.
    gpus
        GPUs of a worker as asked for; None: some wherever there are any.
    """
    if asked != "auto":
        return asked
    return "bf16" if (this_machine_has_bf16() if gpus is None else gpus > 0) else "fp32"


def this_machine_has_bf16() -> bool:
    """Return whether there is a GPU here, one that computes in bf16."""
    if not any(Path(driver).exists() for driver in _DRIVERS):
        return False
    import torch

    return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
