"""The cluster a sweep works on: joined when there is something to compute, looked at ever again."""

from __future__ import annotations

from collections.abc import Callable

from dnasweep.runtime.cluster.allotment import Capacity, JobSpec, allot
from dnasweep.runtime.cluster.placement import NodeGroup, Resources
from dnasweep.runtime.cluster.session import look_around
from dnasweep.sweeps.request import Sweep


class Workplace:
    """Gives the phases of a sweep their job specs.

    Parameters
    ----------
    sweep
        What runs.
    connect
        Joins or starts a cluster; called once, with the first job.
    """

    def __init__(self, sweep: Sweep, connect: Callable[[], Resources]) -> None:
        self._sweep, self._connect = sweep, connect
        self._groups: tuple[NodeGroup, ...] | None = None

    def room(self, job: JobSpec, number: int) -> Capacity:
        """Return who says how many of `number` parts have room at once, as machines come and go."""
        return Capacity(job.allotment, self._look, num_trials=number)

    def _look(self) -> Resources:
        """Join or start Ray, and return what there is by now."""
        if self._groups is not None:
            return look_around(self._groups)
        console = self._sweep.console
        with console.status("starting Ray"):
            resources = self._connect()
        self._groups = resources.groups
        console.print(f"[dim]Ray: {resources}[/]")
        return resources

    def job_spec(self, number: int) -> JobSpec:
        """Return the job spec of a phase of `number` parts, for what there is by now."""
        sweep = self._sweep
        options = sweep.options
        trainings = [spec.training for spec in sweep.plan.classifiers]
        resources = self._look()
        min_workers, max_workers = options.worker_range
        allotment = allot(
            resources,
            num_trials=number,
            workers=max_workers,
            min_workers=min_workers,
            cpus_per_worker=options.cpus_per_worker,
            gpus_per_worker=options.gpus_per_worker,
            batch_parts=min(t.batch_size // t.micro_batch_size for t in trainings),
        )
        if not allotment.fitting(resources):
            sweep.console.print(
                "[dim]no machine that could take a trial is there yet; cloud machines take some "
                "minutes to start[/]"
            )
        return JobSpec(
            storage=sweep.storage.root,
            allotment=allotment,
            hang_seconds=options.hang_seconds,
        )
