"""Where a run computes: one process or one of several, and on which device.

Everything that depends on the number of workers goes through :class:`DistributedContext`, so the rest of the
room reads as if there were one process. Reductions over a single process cost nothing.
"""

from __future__ import annotations

import contextlib
import resource
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
import torch.distributed as dist

Precision = Literal["auto", "fp32", "bf16"]


def best_device() -> torch.device:
    """Return the current CUDA device where there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class DistributedContext:
    """This process among the workers of one run."""

    rank: int = 0
    """Number of this worker, from 0."""
    world_size: int = 1
    """Workers in all."""
    device: torch.device = field(default_factory=best_device)
    """Device of this worker."""

    @classmethod
    def current(cls, device: torch.device | str | None = None) -> DistributedContext:
        """Return the context of the initialised process group, or a single process without one."""
        place = best_device() if device is None else torch.device(device)
        if dist.is_available() and dist.is_initialized():
            return cls(rank=dist.get_rank(), world_size=dist.get_world_size(), device=place)
        return cls(device=place)

    def all_reduce_sum_(self, tensor: torch.Tensor) -> torch.Tensor:
        """Replace `tensor` (on this worker's device) by its sum over the workers; return it."""
        if self.world_size > 1:
            dist.all_reduce(tensor)
        return tensor

    def largest(self, value: float) -> float:
        """Return the largest of the workers' values."""
        if self.world_size == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor, op=dist.ReduceOp.MAX)
        return float(tensor.item())

    def gather_rows(self, index: np.ndarray, values: np.ndarray, total: int) -> np.ndarray:
        """Put together an array of which each worker holds some rows.

        Parameters
        ----------
        index
            Row numbers of `values` in the whole, shape (n,); no row on two workers.
        values
            Shape (n, columns), floats.
        total
            Rows of the whole.

        Returns
        -------
        numpy.ndarray
            Shape (total, columns), float64, the same on every worker; rows nobody holds are 0.
        """
        whole = np.zeros((total, values.shape[1]), dtype=np.float64)
        whole[index] = values
        if self.world_size == 1:
            return whole
        # A sum with zeros is exact, so the result does not depend on the number of workers.
        return self.all_reduce_sum_(torch.from_numpy(whole).to(self.device)).cpu().numpy()

    def barrier(self) -> None:
        """Wait for every worker."""
        if self.world_size > 1:
            dist.barrier()

    def peak_memory_bytes(self) -> int:
        """Return the most memory one worker has used: allocated on a GPU, else resident in RAM.

        The resident size is the high-water mark of the whole process since it began.
        """
        if self.device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(self.device)
        else:
            unit = 1 if sys.platform == "darwin" else 1024
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        return int(self.largest(peak))


def resolve_precision(precision: Precision, device: torch.device) -> Literal["fp32", "bf16"]:
    """Return the arithmetic to use: `auto` is bf16 on a GPU that has it, fp32 elsewhere."""
    if precision != "auto":
        return precision
    return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"


@contextlib.contextmanager
def autocast(device: torch.device, precision: Precision) -> Iterator[None]:
    """Run the block in bf16 where `precision` resolves to it; weights stay fp32."""
    if resolve_precision(precision, device) == "fp32":
        yield
        return
    with torch.autocast(device.type, dtype=torch.bfloat16):
        yield
