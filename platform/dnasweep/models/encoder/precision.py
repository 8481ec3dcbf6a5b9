"""Choice of device and precision; importing this module needs no torch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, Protocol

from dnasweep.devices import best_device, has_bf16, has_gpu_driver

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "fp32", "bf16"]


class ResolvePrecision(Protocol):
    """Returns the precision that `auto` means, which must be known before keys depend on it."""

    def __call__(
        self, asked: Precision, *, gpus: float | None, address: str | None
    ) -> Literal["fp32", "bf16"]: ...


def resolve_here(
    asked: Precision, *, gpus: float | None, address: str | None = None
) -> Literal["fp32", "bf16"]:
    """Return the precision of computations on this machine.

    Parameters
    ----------
    asked
        Requested precision; `auto` is bf16 on GPUs that support it.
    gpus
        Requested number of GPUs per worker; None: GPUs are used if there are any.
    address
        Ray cluster; ignored here.
    """
    if asked != "auto":
        return asked
    if gpus is None:
        return "bf16" if this_machine_has_bf16() else "fp32"
    # Requested GPUs may be elsewhere, in a cluster that is driven from a machine without any.
    return "bf16" if gpus > 0 and (not has_gpu_driver() or this_machine_has_bf16()) else "fp32"


def this_machine_has_bf16() -> bool:
    """Return whether this machine has a GPU that computes in bf16."""
    # Without a driver there is no need to import torch, which takes seconds.
    return has_gpu_driver() and has_bf16(best_device())


def precision_on_device(precision: Precision, device: torch.device) -> Literal["fp32", "bf16"]:
    """Return the precision to use: `auto` is bf16 on a GPU that supports it, fp32 elsewhere."""
    if precision != "auto":
        return precision
    return "bf16" if has_bf16(device) else "fp32"


@contextlib.contextmanager
def autocast(device: torch.device, precision: Precision) -> Iterator[None]:
    """Run the block in bf16 if `precision` resolves to it; weights stay fp32."""
    import torch

    if precision_on_device(precision, device) == "fp32":
        yield
        return
    with torch.autocast(device.type, dtype=torch.bfloat16):
        yield
