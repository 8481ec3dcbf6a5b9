"""Computation of the shards of a job in one process.

Workers are named, not sent: by a class of an installed package and its arguments as JSON. Any batch job that
maps rows to tables can therefore be a sharded job by writing one such class.
"""

from __future__ import annotations

import importlib
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from dnasweep.errors import InputError
from dnasweep.jobs.shards.store import Shards
from dnasweep.storage import Storage, Unavailable


class Worker(Protocol):
    """Computes shards; created once per process, from JSON keyword arguments and `device`."""

    def smoke_test(self, rows: pa.Table) -> None:
        """Raise `InputError` if the requested work cannot be done; receives the first row."""

    def compute(
        self, rows: pa.Table, progress: Callable[[int], None]
    ) -> tuple[dict[str, pa.Table], dict[str, Any]]:
        """Return the tables of a shard by name, and facts about it; `progress` takes rows done."""


@dataclass(frozen=True, kw_only=True)
class ShardJobSpec:
    """Storage of a job's shards and the worker that computes them; serialisable as JSON."""

    storage: str
    """Storage root."""
    kind: str
    """Folder below the storage root."""
    key: str
    """Content key of the job."""
    worker: str
    """Class of the worker, as `module:Class`; it must be importable on every machine."""
    arguments: Mapping[str, Any]
    """Constructor arguments of the worker."""
    device: str = "cpu"
    """`cpu` or `cuda`."""

    def shards(self) -> Shards:
        """Open the job.

        Raises
        ------
        InputError
            On a machine that cannot read the storage.
        """
        try:
            return Shards.open(Storage(self.storage), self.kind, self.key)
        except Unavailable:
            raise
        except InputError as error:
            raise InputError(
                f"the machine {platform.node()} does not see the job",
                file=error.file,
                remedy="Give a --storage that every machine shares: a bucket or a shared folder.",
            ) from error

    def make_worker(self) -> Worker:
        """Make the worker in this process."""
        module, _, kind = self.worker.partition(":")
        made: Worker = getattr(importlib.import_module(module), kind)(
            **self.arguments, device=self.device
        )
        return made


class PublishedShard(NamedTuple):
    """One shard that is published."""

    job: int
    """Index of the job that the shard belongs to."""
    shard: int
    """Number of the shard."""
    computed: bool
    """Whether this run computed the shard; False if another run was faster."""
    seconds: float
    """Time of the computation in seconds."""


class ShardComputer:
    """Computes shards of several jobs in the process in which it is created.

    The worker of one job is kept at a time: its model may fill the memory.
    """

    def __init__(self, specs: Sequence[ShardJobSpec]) -> None:
        self._specs = specs
        self._jobs: dict[int, Shards] = {}
        self._worker: tuple[int, Worker] | None = None

    def job(self, number: int) -> Shards:
        """Return the shards of a job."""
        if number not in self._jobs:
            self._jobs[number] = self._specs[number].shards()
        return self._jobs[number]

    def smoke_test(self, number: int) -> None:
        """Let the worker of a job try the first row."""
        self._worker_of(number).smoke_test(self.job(number).rows(0).slice(0, 1))

    def compute(self, number: int, shard: int, progress: Callable[[int], None]) -> PublishedShard:
        """Compute and publish one shard of a job.

        Parameters
        ----------
        number
            Number of the job.
        shard
            Number of the shard.
        progress
            Called with the number of finished rows.
        """
        job, worker = self.job(number), self._worker_of(number)
        started = time.monotonic()
        progress(0)
        tables, facts = worker.compute(job.rows(shard), progress)
        seconds = round(time.monotonic() - started, 3)
        published = job.publish(shard, tables, {"seconds": seconds, **facts})
        return PublishedShard(number, shard, published, seconds)

    def _worker_of(self, number: int) -> Worker:
        if self._worker is None or self._worker[0] != number:
            self._worker = None
            self._worker = number, self._specs[number].make_worker()
        return self._worker[1]
