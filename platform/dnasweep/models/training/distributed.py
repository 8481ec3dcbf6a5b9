"""This process in a group of training workers, and its device.

Everything that depends on the number of workers goes through :class:`DistributedContext`, so the
rest of the training code is written as for a single process. Reductions over a single process cost
nothing.
"""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.distributed as dist

from dnasweep.devices import best_device, is_accelerator, peak_memory


@dataclass(frozen=True, kw_only=True)
class DistributedContext:
    """This process in the group of workers of one training run."""

    rank: int = 0
    """Number of this worker, from 0."""
    world_size: int = 1
    """Total number of workers."""
    device: torch.device = field(default_factory=best_device)
    """Device of this worker."""

    @classmethod
    def current(cls, device: torch.device | str | None = None) -> DistributedContext:
        """Return the context of the initialised process group, else of one process."""
        chosen = best_device() if device is None else torch.device(device)
        if dist.is_available() and dist.is_initialized():
            return cls(rank=dist.get_rank(), world_size=dist.get_world_size(), device=chosen)
        return cls(device=chosen)

    def all_reduce_sum_(self, tensor: torch.Tensor) -> torch.Tensor:
        """Replace `tensor` (on this worker's device) by its sum over all workers, return it."""
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
        """Assemble an array from the rows of all workers.

        Parameters
        ----------
        index
            Row numbers of `values` in the complete array, (n,); each row is on at most one worker.
        values
            Shape (n, columns), floats.
        total
            Number of rows of the complete array.

        Returns
        -------
        numpy.ndarray
            Shape (total, columns), float64, the same on every worker; rows that no worker has are 0.
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
        """Return the peak memory of one worker: allocated on an accelerator, else resident in RAM.

        The resident size is the maximum of the whole process since its start.
        """
        if is_accelerator(self.device):
            peak = peak_memory(self.device)
        else:
            unit = 1 if sys.platform == "darwin" else 1024
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        return int(self.largest(peak))
