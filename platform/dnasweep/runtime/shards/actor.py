"""Actors of the pool that computes shards, and the status actor to which they report."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import ray

from dnasweep.errors import InputError, full_disk, is_full_disk
from dnasweep.jobs.shards.worker import ShardComputer, ShardJobSpec
from dnasweep.runtime.ray_data import error_text

MAX_STARTS = 4
"""Number of starts of a shard, each ending with a killed process, after which the job ends."""


class _StatusActor:
    """An actor that counts the starts of each shard and knows its progress."""

    def __init__(self) -> None:
        self._starts: dict[Hashable, int] = {}
        self._running: dict[Hashable, int] = {}
        self._began = 0.0

    def start(self, key: Hashable) -> int:
        self._running[key] = 0
        self._starts[key] = self._starts.get(key, 0) + 1
        return self._starts[key]

    def post(self, key: Hashable, num_rows: int) -> None:
        self._began = self._began or time.monotonic()
        if key in self._running:
            self._running[key] = num_rows

    def end(self, key: Hashable) -> None:
        self._running.pop(key, None)

    def read(self) -> tuple[dict[Hashable, int], float]:
        return self._running, time.monotonic() - self._began if self._began else 0.0


def make_status_actor() -> Any:
    """Start the status actor, which uses no CPU of the other actors."""
    return (
        ray.remote(_StatusActor).options(num_cpus=0, max_restarts=-1, max_task_retries=-1).remote()
    )


class ShardActor:
    """One actor of the pool: takes a job number and a shard number, and returns the outcome."""

    def __init__(self, specs: Sequence[ShardJobSpec], status: Any) -> None:
        self._storage, self._status = specs[0].storage, status
        if specs[0].device == "cpu":
            # One thread per actor and one actor per core is faster than several threads, and sums
            # are the same on every machine.
            import torch

            torch.set_num_threads(1)
        self._computer = ShardComputer(specs)

    def smoke_test(self, job: int) -> None:
        """Let the worker of a job process its first row as a test."""
        self._computer.smoke_test(job)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Compute and publish one shard; errors that a user can fix are returned as text."""
        job, shard = int(batch["job"][0]), int(batch["shard"][0])
        computed, seconds, error = False, 0.0, ""
        try:
            computed, seconds = self._compute(job, shard)
        except Exception as caught:
            if isinstance(caught, InputError):
                trouble = caught
            elif is_full_disk(caught):
                trouble = full_disk(getattr(caught, "filename", None) or self._storage)
            else:
                raise
            error = error_text(trouble)
        return {
            "job": np.array([job]),
            "shard": np.array([shard]),
            "computed": np.array([computed]),
            "seconds": np.array([seconds]),
            "error": np.array([error], dtype=object),
        }

    def _compute(self, job: int, shard: int) -> tuple[bool, float]:
        """Return whether this actor published the shard, and the seconds that it took."""
        shards = self._computer.job(job)
        if shards.is_published(shard):
            return False, 0.0
        key = (job, shard)
        starts = ray.get(self._status.start.remote(key))
        if starts > MAX_STARTS:
            first = shard * shards.shard_size
            raise InputError(
                f"the process that computed rows {first} to {first + shards.size(shard) - 1} has "
                f"died {starts - 1} times",
                remedy="The machine probably ran out of memory: lower --num-actors or "
                "--batch-rows, and run the same command again.",
            )
        try:
            done = self._computer.compute(
                job, shard, lambda num_rows: self._status.post.remote(key, num_rows)
            )
        finally:
            self._status.end.remote(key)
        return done.computed, done.seconds
