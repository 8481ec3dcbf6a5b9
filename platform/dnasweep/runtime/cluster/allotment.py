"""Number of trials that run at the same time, and resources of each worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from dnasweep.errors import InputError
from dnasweep.runtime.cluster.placement import (
    DRIVER_CPU,
    DRIVER_RESOURCE,
    Resources,
    num_fitting,
)

LOOK_S = 5.0
"""Seconds for which :class:`Capacity` caches an answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Allotment:
    """Resources of one trial, and how many trials fit, including machines that may be started."""

    workers: int
    """Maximum number of worker processes of one trial."""
    cpus_per_worker: int
    """Number of CPUs, and of threads, of each worker."""
    gpus_per_worker: float
    """GPUs of each worker; 0 on a cluster without GPUs."""
    concurrent: int
    """Number of trials that run at the same time."""
    driver: tuple[tuple[str, float], ...] = ()
    """Resources needed by the driver of a worker group, in addition to its workers."""
    min_workers: int | None = None
    """Minimum number of workers with which a trial continues; None: it needs all of them."""

    @property
    def grouped(self) -> bool:
        """Whether a trial has a worker group with a driver."""
        return self.workers > 1

    @property
    def elastic(self) -> bool:
        """Whether a trial continues with fewer workers if there is no room for all."""
        return self.min_workers is not None and self.min_workers < self.workers

    def fitting(self, resources: Resources) -> int:
        """Return how many trials fit on the living nodes at the same time.

        Trials are counted with all their workers. If not even one fits, one trial runs with fewer.
        """
        cpus, gpus = self.cpus_per_worker, self.gpus_per_worker
        # A worker must fit on one machine.
        workers_fitting = num_fitting(resources.each, cpus=cpus, gpus=gpus)
        if not self.grouped:
            return workers_fitting

        def groups_of(workers: int) -> int:
            fitting = workers_fitting // workers
            if not resources.drivers:
                # A driver that uses part of the last CPU would make its own workers wait for ever.
                room = resources.cpus / (cpus * workers + DRIVER_CPU)
                return min(fitting, int(room + 1e-9))
            return min(fitting, int(resources.drivers))

        return groups_of(self.workers) or min(1, groups_of(self.min_workers or self.workers))


def allot(
    resources: Resources,
    *,
    num_trials: int,
    workers: int = 1,
    min_workers: int | None = None,
    cpus_per_worker: int | None = None,
    gpus_per_worker: float | None = None,
    batch_parts: int | None = None,
) -> Allotment:
    """Compute the allotment of trials for the available machines and those that may be started.

    Parameters
    ----------
    resources
        Resources of the cluster, and those that an autoscaler may start.
    num_trials
        Number of trials to run.
    workers
        Number of workers of one trial.
    min_workers
        Minimum number of workers with which a trial continues; None: `workers`.
    cpus_per_worker
        CPUs of a worker. None: one, or more if there are fewer trials than CPUs and one node has
        enough.
    gpus_per_worker
        GPUs of a worker. None: one if there may be any.
    batch_parts
        Number of micro-batches per step, which is the maximum number of workers that can share it.

    Raises
    ------
    InputError
        If not even one trial could ever run.
    """
    if workers < 1:
        raise InputError(f"workers_per_trial is {workers}", remedy="Use at least 1.")
    if batch_parts is not None and workers > batch_parts:
        raise InputError(
            f"{workers} workers cannot share a step of {batch_parts} micro-batches",
            remedy="Lower --workers-per-trial or --micro-batch-size.",
        )
    full = resources.grown(at_most=num_trials * workers)
    gpus = (1.0 if full.gpus else 0.0) if gpus_per_worker is None else gpus_per_worker
    slots = max(1, min(num_trials, num_fitting(full.each, cpus=1, gpus=gpus) // workers))
    driver = (DRIVER_RESOURCE, 1.0) if full.drivers else ("CPU", DRIVER_CPU)
    driver_cpus = DRIVER_CPU if workers > 1 and driver[0] == "CPU" else 0.0
    cpus = cpus_per_worker or max(1, int((full.cpus / slots - driver_cpus) // workers))
    if cpus_per_worker is None:
        wanted = min(slots * workers, num_fitting(full.each, cpus=1, gpus=gpus))
        while cpus > 1 and num_fitting(full.each, cpus=cpus, gpus=gpus) < wanted:
            cpus -= 1
    allotment = Allotment(
        workers=workers,
        min_workers=min_workers,
        cpus_per_worker=cpus,
        gpus_per_worker=gpus,
        concurrent=1,
        driver=(driver,) if workers > 1 else (),
    )
    if (fitting := allotment.fitting(full)) < 1:
        needed = min_workers or workers
        raise InputError(
            f"a trial needs {needed} x {cpus} CPU and {needed} x {gpus:g} GPU, but the cluster has "
            f"{resources}: it could never start",
            remedy="Lower --workers-per-trial, --cpus-per-worker or --gpus-per-worker.",
        )
    return replace(allotment, concurrent=min(fitting, num_trials))


class Capacity:
    """Counts how many trials have room, as machines join and leave while trials run.

    Parameters
    ----------
    allotment
        Resources of a trial.
    look
        Returns the current resources.
    num_trials
        Number of trials to run.
    clock
        Function that returns the time in seconds; for tests.
    """

    def __init__(
        self,
        allotment: Allotment,
        look: Callable[[], Resources],
        *,
        num_trials: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allotment, self._look, self._clock = allotment, look, clock
        self._num_trials = num_trials
        self._answer, self._until = allotment.concurrent, clock() + LOOK_S

    def __call__(self) -> int:
        """Return how many trials have room; 0 while the last machine is away."""
        if self._clock() >= self._until:
            machines = self._num_trials * self._allotment.workers
            fitting = self._allotment.fitting(self._look().grown(at_most=machines))
            self._answer = min(fitting, self._num_trials)
            self._until = self._clock() + LOOK_S
        return self._answer


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """Settings that a stage needs in addition to its specification, none of which changes
    results."""

    storage: str
    """Storage root."""
    allotment: Allotment
    """Workers and devices."""
    progress_actor: Any = None
    """Handle of the actor to which running stages post their progress; None posts nothing."""
    hang_seconds: float = 0.0
    """Maximum seconds without a step before a training run is considered hung; 0: no limit."""
