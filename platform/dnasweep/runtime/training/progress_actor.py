"""Progress of running stages: workers post it to an actor, from which the driver reads it."""

from __future__ import annotations

import time
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from dnasweep.sweeps.progress import StageProgress, StepTimer

POST_SECONDS = 0.5
HANG_REPORT_SECONDS = 10.0
READ_SECONDS = 2.0


class _ProgressActor:
    """The actor: progress of running stages, and reports of those that hung."""

    def __init__(self) -> None:
        self._progress: dict[str, StageProgress] = {}
        self._hangs: dict[str, list[str]] = {}

    def post(self, key: str, progress: StageProgress | None) -> None:
        if progress is None:
            self._progress.pop(key, None)
        else:
            self._progress[key] = progress

    def progress(self) -> dict[str, StageProgress]:
        return self._progress

    def report_hang(self, key: str, message: str) -> None:
        self._hangs.setdefault(key, []).append(message)

    def hangs(self) -> dict[str, list[str]]:
        return self._hangs


def make_progress_actor() -> Any:
    """Start the actor on the driver's machine, without taking a CPU from trials."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    return ray.remote(_ProgressActor).options(num_cpus=0, scheduling_strategy=here).remote()


def read_progress(actor: Any) -> dict[str, StageProgress]:
    """Return the progress of the currently running stages, by stage key."""
    return dict(ray.get(actor.progress.remote(), timeout=READ_SECONDS))


def hang_reports(actor: Any) -> dict[str, list[str]]:
    """Return the reports of stages that hung, by stage key; none if the actor is gone or None."""
    if actor is None:
        return {}
    try:
        return dict(ray.get(actor.hangs.remote(), timeout=HANG_REPORT_SECONDS))
    except (ray.exceptions.RayError, TimeoutError):
        return {}


class ProgressPoster:
    """Posts the progress of one stage, at most twice a second.

    Parameters
    ----------
    actor
        Handle of the progress actor, or None to post nothing.
    key
        Key of the stage.
    text
        Name of the stage in the display.
    """

    def __init__(self, actor: Any, key: str, text: str) -> None:
        self._actor, self._key, self._timer = actor, key, StepTimer(text)
        self._last = time.monotonic()

    def step(self, done: int, total: int, bases: float) -> None:
        """Post the numbers of completed steps, planned steps and bases seen.

        Parameters
        ----------
        done, total
            Numbers of completed and planned optimizer steps.
        bases
            Number of bases seen.
        """
        now = time.monotonic()
        progress = self._timer.progress(done, total, bases)
        if self._actor is None or now - self._last < POST_SECONDS:
            return
        self._last = now
        self._actor.post.remote(self._key, progress)

    def report_hang(self, message: str) -> None:
        """Report that the stage hangs, before its process ends."""
        report = self._actor.report_hang.remote(self._key, message)
        ray.get(report, timeout=HANG_REPORT_SECONDS)

    def close(self) -> None:
        """Remove the stage from the display."""
        if self._actor is not None:
            self._actor.post.remote(self._key, None)
