"""How many trials run at once, and what each of their workers gets."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dnasweep.errors import InputError
from dnasweep.runtime.cluster.placement import DRIVER_CPU, DRIVER_RESOURCE, places
from dnasweep.runtime.cluster.session import Resources


@dataclass(frozen=True, kw_only=True, slots=True)
class Allotment:
    """Resources of one trial and how many fit, those included that an autoscaler makes room for."""

    workers: int
    """Worker processes of one trial, at most."""
    cpus_per_worker: int
    """CPUs, and so threads, of each."""
    gpus_per_worker: float
    """GPUs of each; 0 on a cluster without."""
    concurrent: int
    """Trials at once."""
    driver: tuple[tuple[str, float], ...] = ()
    """What the driver of a worker group asks for beside its workers."""
    min_workers: int | None = None
    """Workers with which a trial goes on where there are no more; None: it needs all of them."""

    @property
    def threads(self) -> int:
        """Threads each worker computes with."""
        return self.cpus_per_worker

    @property
    def grouped(self) -> bool:
        """Whether a trial has a worker group, and a driver of it."""
        return self.workers > 1

    @property
    def elastic(self) -> bool:
        """Whether a trial goes on with fewer workers where there is no room for all."""
        return self.min_workers is not None and self.min_workers < self.workers

    def fitting(self, resources: Resources) -> int:
        """Return how many trials run at once on what is there, whatever may come.

        A trial with as many workers as it may have counts. Where not even one has room, one trial
        runs with fewer.
        """
        cpus, gpus = self.cpus_per_worker, self.gpus_per_worker
        # A worker is never spread over two machines, whatever they have together.
        found = places(resources.each, cpus=cpus, gpus=gpus)
        if not self.grouped:
            return found

        def groups_of(workers: int) -> int:
            fitting = found // workers
            if not resources.drivers:
                # A driver that takes a sliver of the last CPU would keep its own workers waiting
                # for ever.
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
    """Compute the allotment of `num_trials` trials, for what there is and what an autoscaler adds.

    GPUs are used wherever there may be any. Left to itself, a worker gets one CPU, and more when
    there are fewer trials than CPUs, as far as its node has them.

    Parameters
    ----------
    min_workers
        Fewest workers a trial goes on with; None: as many as `workers`.
    batch_parts
        Micro-batches of a step, the most workers that can share it.

    Raises
    ------
    InputError
        When not even one trial can ever run.
    """
    if workers < 1:
        raise InputError(f"workers_per_trial is {workers}", remedy="Use at least 1.")
    if batch_parts is not None and workers > batch_parts:
        raise InputError(
            f"{workers} workers cannot share a step of {batch_parts} micro-batches",
            remedy="Lower --workers-per-trial or --micro-batch-size.",
        )
    most = resources.grown(at_most=num_trials * workers)
    gpus = (1.0 if most.gpus else 0.0) if gpus_per_worker is None else gpus_per_worker
    slots = max(1, min(num_trials, places(most.each, cpus=1, gpus=gpus) // workers))
    driver = (DRIVER_RESOURCE, 1.0) if most.drivers else ("CPU", DRIVER_CPU)
    beside = DRIVER_CPU if workers > 1 and driver[0] == "CPU" else 0.0
    cpus = cpus_per_worker or max(1, int((most.cpus / slots - beside) // workers))
    if cpus_per_worker is None:
        wanted = min(slots * workers, places(most.each, cpus=1, gpus=gpus))
        while cpus > 1 and places(most.each, cpus=cpus, gpus=gpus) < wanted:
            cpus -= 1
    allotment = Allotment(
        workers=workers,
        min_workers=min_workers,
        cpus_per_worker=cpus,
        gpus_per_worker=gpus,
        concurrent=1,
        driver=(driver,) if workers > 1 else (),
    )
    if (fitting := allotment.fitting(most)) < 1:
        asked = (
            f"{min_workers or workers} x {cpus} CPU and {min_workers or workers} x {gpus:g} GPU"
        )
        raise InputError(
            f"a trial asks for {asked}, the cluster has {resources}: it could never start",
            remedy="Lower --workers-per-trial, --cpus-per-worker or --gpus-per-worker.",
        )
    return replace(allotment, concurrent=min(fitting, num_trials))
