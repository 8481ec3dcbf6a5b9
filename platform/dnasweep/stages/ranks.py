"""Building one artefact with several ranks: all of them train, and rank 0 publishes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from dnasweep.models.training.distributed import DistributedContext
from dnasweep.storage import Storage


def obtain_together(
    storage: Storage,
    kind: str,
    key: str,
    build: Callable[[Path | None], None],
    *,
    context: DistributedContext,
    inputs: Any = None,
) -> None:
    """Build and publish an artefact with every rank of `context`, unless it is there already.

    Only rank 0 holds the lock. It tells the others whether there is anything to build, because
    another process may have published the artefact while rank 0 waited.

    Parameters
    ----------
    build
        Called on every rank; given the folder to fill on rank 0 and None on the others.
    """

    def agree(there_is_work: bool) -> bool:
        flag = torch.tensor([float(there_is_work)], device=context.device)
        context.all_reduce_sum_(flag)
        return bool(flag.item())

    if context.rank != 0:
        if agree(False):
            build(None)
    else:
        built = False

        def lead(folder: Path) -> None:
            nonlocal built
            built = True
            agree(True)
            build(folder)

        storage.obtain(kind, key, lead, inputs=inputs)
        if not built:
            agree(False)
    context.barrier()
