"""How many trials run at once, and what each of their workers gets."""

from __future__ import annotations

from dataclasses import dataclass

from dnasweep.cluster.placement import DRIVER_CPU, places
from dnasweep.cluster.session import DRIVER_RESOURCE, Resources
from dnasweep.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class Allotment:
    """Resources of one trial and how many fit."""

    workers: int
    """Worker processes of one trial."""
    cpus_per_worker: int
    """CPUs, and so threads, of each."""
    gpus_per_worker: float
    """GPUs of each; 0 on a cluster without."""
    concurrent: int
    """Trials at once."""
    driver: tuple[tuple[str, float], ...] = ()
    """What the driver of a worker group asks for beside its workers."""

    @property
    def threads(self) -> int:
        """Threads each worker computes with."""
        return self.cpus_per_worker


def allot(
    resources: Resources,
    *,
    num_trials: int,
    workers: int = 1,
    cpus_per_worker: int | None = None,
    gpus_per_worker: float | None = None,
    batch_parts: int | None = None,
) -> Allotment:
    """Compute the allotment of `num_trials` trials.

    GPUs are used wherever there are any. Left to itself, a worker gets one CPU, and more when
    there are fewer trials than CPUs, as far as its node has them.

    Parameters
    ----------
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
    gpus = (1.0 if resources.gpus else 0.0) if gpus_per_worker is None else gpus_per_worker
    slots = max(1, min(num_trials, int(resources.cpus // workers)))
    driver = (DRIVER_RESOURCE, 1.0) if resources.drivers else ("CPU", DRIVER_CPU)
    beside = DRIVER_CPU if workers > 1 and driver[0] == "CPU" else 0.0
    cpus = cpus_per_worker or max(1, int((resources.cpus / slots - beside) // workers))
    if resources.each and cpus_per_worker is None:
        wanted = min(slots * workers, places(resources.each, cpus=1, gpus=gpus))
        while cpus > 1 and places(resources.each, cpus=cpus, gpus=gpus) < wanted:
            cpus -= 1
    # A driver that takes a sliver of the last CPU would keep its own workers waiting for ever.
    fitting = int(resources.cpus / (cpus * workers + beside) + 1e-9)
    if resources.drivers and workers > 1:
        fitting = min(fitting, int(resources.drivers))
    if gpus:
        fitting = min(fitting, int(resources.gpus / (gpus * workers) + 1e-9))
    if resources.each:
        # A worker is never spread over two machines, whatever they have together.
        fitting = min(fitting, places(resources.each, cpus=cpus, gpus=gpus) // workers)
    if fitting < 1:
        raise InputError(
            f"a trial asks for {workers} x {cpus} CPU and {workers} x {gpus:g} GPU, the cluster "
            f"has {resources}: it could never start",
            remedy="Lower --workers-per-trial, --cpus-per-worker or --gpus-per-worker.",
        )
    return Allotment(
        workers=workers,
        cpus_per_worker=cpus,
        gpus_per_worker=gpus,
        concurrent=max(1, min(fitting, num_trials)),
        driver=(driver,) if workers > 1 else (),
    )
