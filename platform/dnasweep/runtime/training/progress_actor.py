"""Progress of running stages: workers post it to an actor, and the driver draws it."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

POST_SECONDS = 0.5
HANG_REPORT_SECONDS = 10.0
DRAW_SECONDS = 0.5


@dataclass
class StageProgress:
    """How far a running stage is."""

    text: str
    done: float
    total: float
    bases_per_second: float


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


def report_hang(actor: Any, key: str, message: str) -> None:
    """Leave a report of a stage that hangs, before its process ends."""
    ray.get(actor.report_hang.remote(key, message), timeout=HANG_REPORT_SECONDS)


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
        self._actor, self._key, self._text = actor, key, text
        self._last = self._started = time.monotonic()
        self._first_bases: float | None = None

    def step(self, done: int, total: int, bases: float) -> None:
        """Post the number of steps done, of steps planned and of bases seen."""
        now = time.monotonic()
        if self._first_bases is None:
            self._first_bases, self._started = bases, now
        if self._actor is None or now - self._last < POST_SECONDS:
            return
        self._last = now
        rate = (bases - self._first_bases) / max(now - self._started, 1e-9)
        self._actor.post.remote(self._key, StageProgress(self._text, done, total, rate))

    def close(self) -> None:
        """Remove the stage from the display."""
        if self._actor is not None:
            self._actor.post.remote(self._key, None)


class Display:
    """The driver's progress display: a bar for the phase and a line for each running stage.

    Parameters
    ----------
    console
        Where to draw; nothing is drawn if it is not a terminal.
    actor
        Handle of the progress actor, or None.
    title
        Name of the phase.
    total
        Stages in the phase.
    """

    def __init__(self, console: Console, actor: Any, title: str, total: int) -> None:
        self._actor = actor
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._phase = self._progress.add_task(title, total=total, rate="")
        self._tasks: dict[str, TaskID] = {}
        self._total, self._done = total, 0
        self._console = console

    def advance(self, text: str) -> None:
        """Count one finished stage and print what it was."""
        self.count()
        width = len(str(self._total))
        self._console.print(
            f"  [dim]{self._done:>{width}}/{self._total}[/] {text}", highlight=False
        )

    def count(self) -> None:
        """Count one finished stage."""
        self._done += 1
        self._progress.advance(self._phase)

    @contextlib.contextmanager
    def running(self) -> Iterator[Display]:
        """Draw until the block ends."""
        stop = threading.Event()
        thread = threading.Thread(target=self._watch, args=(stop,), daemon=True)
        with self._progress:
            thread.start()
            try:
                yield self
            finally:
                stop.set()
                thread.join(timeout=5)

    def _watch(self, stop: threading.Event) -> None:
        while not stop.wait(DRAW_SECONDS):
            if self._actor is None or not sys.stdout.isatty():
                continue
            # An actor that is late or gone costs a picture, never the sweep.
            with contextlib.suppress(Exception):
                self._draw(ray.get(self._actor.progress.remote(), timeout=2))

    def _draw(self, stages: dict[str, StageProgress]) -> None:
        for key in [k for k in self._tasks if k not in stages]:
            self._progress.remove_task(self._tasks.pop(key))
        for key, stage in stages.items():
            rate = f"{stage.bases_per_second / 1e3:.0f} kb/s"
            if key not in self._tasks:
                self._tasks[key] = self._progress.add_task(
                    escape(stage.text), total=stage.total, rate=rate
                )
            self._progress.update(
                self._tasks[key], completed=stage.done, total=stage.total, rate=rate
            )
