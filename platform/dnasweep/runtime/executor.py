"""Sweeps on Ray: phases run on a cluster, which is joined when there is something to compute."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import ray

from dnasweep.errors import InputError
from dnasweep.models.encoder.precision import ResolvePrecision
from dnasweep.runtime.cluster.allotment import Capacity, JobSpec, allot
from dnasweep.runtime.cluster.placement import NodeGroup, Resources
from dnasweep.runtime.cluster.session import look_around, resolve_precision
from dnasweep.runtime.preflight.preflight import Requirements, checked_session
from dnasweep.runtime.training import trials
from dnasweep.runtime.training.failures import RESTARTS, describe_error, is_lost, lost, result_of
from dnasweep.runtime.training.progress_actor import (
    hang_reports,
    make_progress_actor,
    read_progress,
)
from dnasweep.runtime.training.schedulers import Halving
from dnasweep.stages.recipe import Cell
from dnasweep.stages.specs import EncoderSpec
from dnasweep.storage import Storage
from dnasweep.sweeps.executor import Executor, Failures, OnEvent, Phase, TrialFailure
from dnasweep.sweeps.progress import Display
from dnasweep.sweeps.request import Sweep
from dnasweep.sweeps.rungs import Rungs
from dnasweep.tasks.metrics import full_name

_LOOK_S = 10.0
"""Seconds between two checks for machines that have joined."""


class RayPhase(Phase):
    """Runs the stages of a phase on Ray, as many at a time as there is room for.

    Parameters
    ----------
    sweep
        The sweep to run.
    job
        Placement and resources of its stages.
    capacity
        Returns how many stages may run at the same time, as machines join and leave.
    display
        Progress display.
    """

    def __init__(
        self, sweep: Sweep, job: JobSpec, capacity: Callable[[], int], display: Display
    ) -> None:
        self._sweep, self._job, self._capacity = sweep, job, capacity
        self.display = display

    def compute(
        self,
        stage: Callable[[Storage, Any], Any],
        specs: Sequence[Any],
        *,
        done: Callable[[Any], None],
        on_device: bool = False,
    ) -> None:
        allotment = self._job.allotment
        remote = ray.remote(_publish).options(
            num_cpus=allotment.cpus_per_worker if on_device else 1,
            num_gpus=allotment.gpus_per_worker if on_device else 0,
        )
        running = {remote.remote(stage, self._job.storage, spec): spec for spec in specs}
        while running:
            _finish_some(running, done)

    def build_encoders(
        self,
        specs: Sequence[EncoderSpec],
        *,
        name: Callable[[EncoderSpec], str],
        done: Callable[[EncoderSpec], None],
    ) -> None:
        allotment, storage = self._job.allotment, self._sweep.storage
        single = not allotment.grouped
        remote = ray.remote(_pretrain).options(
            num_cpus=allotment.cpus_per_worker if single else 0,
            num_gpus=allotment.gpus_per_worker if single else 0,
            # The driver of a group runs on a node for drivers; a Ray task can run without a CPU.
            resources={name: n for name, n in allotment.driver if name != "CPU"},
            max_retries=RESTARTS,
        )
        waiting, running = list(specs), dict[Any, EncoderSpec]()
        while waiting or running:
            for spec in list(waiting):
                ready = spec.parent is None or storage.exists(spec.kind, spec.parent.key)
                if ready and len(running) < max(1, self._capacity()):
                    waiting.remove(spec)
                    running[remote.remote(spec, self._job, name(spec))] = spec
            _finish_some(running, done, timeout=_LOOK_S)

    def train_trials(
        self, cells: Sequence[Cell], *, on_event: OnEvent, rungs: Rungs | None
    ) -> Failures:
        return self._run(on_event, rungs, space=trials.grid_space(cells))

    def search_trials(
        self, study: Any, num_samples: int, *, on_event: OnEvent, rungs: Rungs | None
    ) -> Failures:
        searcher = study.searcher(rungs.stopped if rungs else ())
        return self._run(on_event, rungs, space={}, searcher=searcher, num_samples=num_samples)

    def _run(self, on_event: OnEvent, rungs: Rungs | None, **how: Any) -> Failures:
        sweep = self._sweep
        results = trials.run_trials(
            recipe=sweep.recipe,
            job=self._job,
            metric=full_name(sweep.options.metric),
            on_event=on_event,
            room=self._capacity,
            name=sweep.key,
            scheduler=None if rungs is None else Halving(rungs),
            **how,
        )
        hangs = hang_reports(self._job.progress_actor)
        failures = {}
        for cell, error in trials.failures(results).items():
            if is_lost(error):
                error = lost(error, hang=(hangs.get(sweep.plan.spec(cell).key) or [""])[-1])
            failures[cell] = TrialFailure(error, describe_error(error))
        return failures


def _publish(stage: Callable[[Storage, Any], Any], storage: str, spec: Any) -> None:
    stage(Storage(storage), spec)


def _pretrain(spec: EncoderSpec, job: JobSpec, text: str) -> None:
    # Imported here because the driver imports this module but does not need torch.
    from dnasweep.runtime.training.workers import run_stage

    run_stage(spec, job, text=text)


def _finish_some(
    running: dict[Any, Any], done: Callable[[Any], None], timeout: float | None = None
) -> None:
    """Wait for a task, and report its specification; raise its own error, not Ray's wrapper."""
    for reference in ray.wait(list(running), num_returns=1, timeout=timeout)[0]:
        spec = running.pop(reference)
        try:
            result_of(reference)
        except ray.exceptions.RayTaskError:
            raise
        except ray.exceptions.RayError as error:
            raise InputError(
                str(lost(error)),
                remedy="Run the same command again: it resumes from the last state.",
            ) from error
        done(spec)


class RayExecutor(Executor):
    """Runs a sweep on Ray.

    Parameters
    ----------
    sweep
        The sweep to run.
    connect
        Joins or starts a cluster; called once, at the first phase.
    """

    resolve_precision: ResolvePrecision = staticmethod(resolve_precision)

    def __init__(self, sweep: Sweep, connect: Callable[[], Resources]) -> None:
        self._sweep, self._connect = sweep, connect
        self._groups: tuple[NodeGroup, ...] | None = None

    @classmethod
    @contextlib.contextmanager
    def open(cls, sweep: Sweep, tracking_uri: str) -> Iterator[RayExecutor]:
        """Yield an executor whose session ends with the block."""
        options, requirements = sweep.options, None
        if options.preflight:
            requirements = Requirements.of(options, sweep.storage, tracking_uri)
        with contextlib.ExitStack() as stack:
            session = checked_session(options.address, requirements, sweep.console)
            yield cls(sweep, lambda: stack.enter_context(session))

    @contextlib.contextmanager
    def phase(self, title: str, number: int) -> Iterator[RayPhase]:
        """Run a phase with a number of stages on the current cluster, and show its progress."""
        job = self._job_spec(number)
        actor = make_progress_actor()
        job = dataclasses.replace(job, progress_actor=actor)
        capacity = Capacity(job.allotment, self._look, num_trials=number)
        display = Display(self._sweep.console, title, number, lambda: read_progress(actor))
        with display.running():
            yield RayPhase(self._sweep, job, capacity, display)

    def _look(self) -> Resources:
        """Join or start Ray at the first call, and return the current resources."""
        if self._groups is not None:
            return look_around(self._groups)
        console = self._sweep.console
        with console.status("starting Ray"):
            resources = self._connect()
        self._groups = resources.groups
        console.print(f"[dim]Ray: {resources}[/]")
        return resources

    def _job_spec(self, number: int) -> JobSpec:
        options = self._sweep.options
        trainings = [spec.training for spec in self._sweep.plan.classifiers]
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
            self._sweep.console.print(
                "[dim]no machine for a trial is available yet; cloud machines take some "
                "minutes to start[/]"
            )
        return JobSpec(
            storage=self._sweep.storage.root,
            allotment=allotment,
            hang_seconds=options.hang_seconds,
        )
