"""Executors, which compute the missing shards of jobs in this process or elsewhere.

:class:`InProcess` computes in this process, :class:`~dnasweep.runtime.shards.pool.RayPool` on Ray. With
one CPU thread both store the same bytes.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import NamedTuple, Protocol

from rich.console import Console

from dnasweep.devices import best_device
from dnasweep.jobs.options import JobOptions
from dnasweep.jobs.shards.store import Shards
from dnasweep.jobs.shards.worker import PublishedShard, ShardComputer, ShardJobSpec
from dnasweep.models.encoder.precision import ResolvePrecision, resolve_here


class Missing(NamedTuple):
    """The missing shards of some jobs."""

    specs: Sequence[ShardJobSpec]
    """The jobs."""
    jobs: Sequence[Shards]
    """Their shards."""
    shards: Sequence[tuple[int, int]]
    """Job number and shard number of each missing shard."""

    def __str__(self) -> str:
        sizes = " or ".join(map(str, sorted({job.shard_size for job in self.jobs})))
        return f"{len(self.shards):,} of {sum(map(len, self.jobs)):,} shards of {sizes} to compute"


class WorkerPool(NamedTuple):
    """A pool of workers that are ready."""

    num_workers: int
    """How many."""
    running: Callable[[], tuple[Mapping[Hashable, int], float]]
    """Function that returns the finished rows of every running shard, and the seconds since the first."""
    compute: Callable[[], Generator[PublishedShard, None, None]]
    """Function that computes the missing shards and yields each once it is stored, in order of completion."""


class Executor(Protocol):
    """Computes shards."""

    resolve_precision: ResolvePrecision

    def open(
        self, missing: Missing, options: JobOptions, console: Console, *, unit: str
    ) -> AbstractContextManager[WorkerPool]:
        """Start the workers and let one of them test the first row of every job.

        Parameters
        ----------
        missing
            Missing shards to compute.
        options
            Resources that may be used.
        console
            Console for a message about what was started.
        unit
            Name of what a row is, in the plural.

        Raises
        ------
        InputError
            If the worker found a mistake, or if there is no room for the workers.
        """


class InProcess(Executor):
    """Computes in this process, one shard after the other, on a GPU if there is one.

    Parameters
    ----------
    one_thread
        Whether to use a single CPU thread, as the workers of a pool do, for identical bytes. Otherwise
        libraries choose their number of threads.
    """

    resolve_precision: ResolvePrecision = staticmethod(resolve_here)

    def __init__(self, *, one_thread: bool = True) -> None:
        self._one_thread = one_thread

    @contextlib.contextmanager
    def open(
        self, missing: Missing, options: JobOptions, console: Console, *, unit: str
    ) -> Iterator[WorkerPool]:
        import torch

        device = "cpu" if options.gpus_per_actor == 0 else best_device().type
        specs = [replace(spec, device=device) for spec in missing.specs]
        computer, threads = ShardComputer(specs), torch.get_num_threads()
        try:
            if self._one_thread and device == "cpu":
                torch.set_num_threads(1)
            with console.status(f"trying the first of the {unit}"):
                for number in sorted({job for job, _ in missing.shards}, reverse=True):
                    computer.smoke_test(number)
            yield _pool_of_one(computer, missing.shards)
        finally:
            torch.set_num_threads(threads)


def _pool_of_one(computer: ShardComputer, shards: Sequence[tuple[int, int]]) -> WorkerPool:
    """Return this process as a pool."""
    done: dict[Hashable, int] = {}
    started = time.monotonic()

    def compute() -> Generator[PublishedShard, None, None]:
        for job, shard in shards:

            def post(num_rows: int, key: Hashable = (job, shard)) -> None:
                done[key] = num_rows

            yield computer.compute(job, shard, post)
            done.clear()

    return WorkerPool(1, lambda: (done, time.monotonic() - started), compute)
