"""One member of the pool that computes shards, and the ledger that all of them write to.

What computes is named, not sent: a class of an installed package and JSON to make it with. So any
batch job that maps rows to tables becomes a job of shards by writing one such class.
"""

from __future__ import annotations

import importlib
import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import ray

from dnasweep.errors import InputError, full_disk, is_full_disk
from dnasweep.jobs.shards.shards import Shards
from dnasweep.storage import Storage, Unavailable

MAX_STARTS = 4
"""Starts of one shard, each of them killed, after which the job ends."""


class Worker(Protocol):
    """What computes shards; made once an actor, with keyword arguments that are JSON, and `device`."""

    def smoke_test(self, rows: pa.Table) -> None:
        """Raise `InputError` if the work cannot be done as it is asked for; gets the first row."""

    def compute(
        self, rows: pa.Table, progress: Callable[[int], None]
    ) -> tuple[dict[str, pa.Table], dict[str, Any]]:
        """Return the tables of a shard by name, and facts about it; `progress` takes rows done."""


@dataclass(frozen=True, kw_only=True)
class ShardJobSpec:
    """Who computes the shards of a job, and where they lie; JSON all through."""

    storage: str
    """Storage root."""
    kind: str
    """Folder below it."""
    key: str
    """Job."""
    worker: str
    """The class, as `module:Class`; it must be importable on every machine."""
    arguments: Mapping[str, Any]
    """Its constructor arguments."""
    device: str = "cpu"
    """`cpu` or `cuda`."""

    def shards(self) -> Shards:
        """Open the job.

        Raises
        ------
        InputError
            On a machine that does not see the storage.
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
        if self.device == "cpu":
            # One thread an actor and as many actors as cores beats threads, and sums come out the
            # same on every machine.
            import torch

            torch.set_num_threads(1)
        made: Worker = getattr(importlib.import_module(module), kind)(
            **self.arguments, device=self.device
        )
        return made


class _StatusActor:
    """An actor that knows how often each shard was started and how far each is."""

    def __init__(self) -> None:
        self._starts: dict[int, int] = {}
        self._running: dict[int, int] = {}
        self._began = 0.0

    def start(self, shard: int) -> int:
        self._running[shard] = 0
        self._starts[shard] = self._starts.get(shard, 0) + 1
        return self._starts[shard]

    def post(self, shard: int, num_rows: int) -> None:
        self._began = self._began or time.monotonic()
        if shard in self._running:
            self._running[shard] = num_rows

    def end(self, shard: int) -> None:
        self._running.pop(shard, None)

    def read(self) -> tuple[dict[int, int], float]:
        return self._running, time.monotonic() - self._began if self._began else 0.0


def make_status_actor() -> Any:
    """Start the ledger; it takes no CPU from actors."""
    return (
        ray.remote(_StatusActor).options(num_cpus=0, max_restarts=-1, max_task_retries=-1).remote()
    )


class ShardActor:
    """One member of the pool; a shard number in, how it went out."""

    def __init__(self, order: ShardJobSpec, ledger: Any) -> None:
        self._order, self._ledger = order, ledger
        self._shards: Shards | None = None
        self._worker: Worker | None = None

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Compute and publish one shard.

        What a person can mend comes back as text: Ray keeps only the traceback of what is raised.
        """
        shard = int(batch["shard"][0])
        try:
            computed, error = self._compute(shard), ""
        except Exception as caught:
            if isinstance(caught, InputError):
                trouble = caught
            elif is_full_disk(caught):
                trouble = full_disk(getattr(caught, "filename", None) or self._order.storage)
            else:
                raise
            computed, error = False, json.dumps(trouble.__reduce__()[1])
        return {
            "shard": np.array([shard]),
            "computed": np.array([computed]),
            "error": np.array([error], dtype=object),
        }

    def _compute(self, shard: int) -> bool:
        if self._shards is None:
            self._shards = self._order.shards()
        if self._shards.is_published(shard):
            return False
        starts = ray.get(self._ledger.start.remote(shard))
        if starts > MAX_STARTS:
            first = shard * self._shards.shard_size
            raise InputError(
                f"the process that computed rows {first} to "
                f"{first + self._shards.size(shard) - 1} has died {starts - 1} times",
                remedy="Most often the machine ran out of memory: lower --num-actors or "
                "--batch-rows, and run the same command again.",
            )
        try:
            if self._worker is None:
                self._worker = self._order.make_worker()
            started = time.monotonic()
            self._ledger.post.remote(shard, 0)
            tables, facts = self._worker.compute(
                self._shards.rows(shard), lambda done: self._ledger.post.remote(shard, done)
            )
            facts = {"seconds": round(time.monotonic() - started, 3), **facts}
            return self._shards.publish(shard, tables, facts)
        finally:
            self._ledger.end.remote(shard)
