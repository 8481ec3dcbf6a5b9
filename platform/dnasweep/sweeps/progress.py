"""The driver's progress display: a bar for the phase, and a line for each running stage.

A terminal shows the display; a log file gets one line per minute.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.progress import TaskID

from dnasweep.progress import LINE_SECONDS, duration, progress_bar, repeated

DRAW_SECONDS = 0.5
MOST_SHOWN = 3
"""Maximum number of running stages in one line of a log."""


@dataclass
class StageProgress:
    """Progress of a running stage."""

    text: str
    """Name of the stage."""
    done: float
    """Number of completed steps."""
    total: float
    """Number of planned steps."""
    bases_per_second: float
    """Speed since the stage was started or resumed."""
    seconds_left: float = 0.0
    """Estimated seconds until the last step."""

    def __str__(self) -> str:
        step = f"{self.text}: step {self.done:,.0f} of {self.total:,.0f}"
        if self.bases_per_second <= 0:
            # The speed is not known at the first step.
            return step
        return (
            f"{step}, {self.bases_per_second / 1e3:,.0f} kb/s, {duration(self.seconds_left)} left"
        )


class StepTimer:
    """Computes the progress of one training run from its steps.

    Parameters
    ----------
    text
        Name of the training.
    clock
        Function that returns the time in seconds.
    """

    def __init__(self, text: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._text, self._clock = text, clock
        self._first: tuple[float, int, float] | None = None

    def progress(self, done: int, total: int, bases: float) -> StageProgress:
        """Return the progress of the training run.

        Parameters
        ----------
        done, total
            Numbers of completed and planned optimizer steps.
        bases
            Number of bases seen.
        """
        now = self._clock()
        if self._first is None:
            self._first = (now, done, bases)
        began, steps, seen = self._first
        seconds = max(now - began, 1e-9)
        left = (total - done) * seconds / (done - steps) if done > steps else 0.0
        return StageProgress(self._text, done, total, (bases - seen) / seconds, left)


class Display:
    """The driver's progress display: a bar for the phase and a line for each running stage.

    Parameters
    ----------
    console
        Console to draw on; one that is not a terminal gets one line per minute.
    title
        Name of the phase.
    total
        Number of stages in the phase.
    read
        Returns the progress of the stages that are running now, by key; None: progress is read
        from `stages`.
    clock
        Function that returns the time in seconds.
    """

    stages: dict[str, StageProgress]
    """Progress of the stages that run in this process, by key."""

    def __init__(
        self,
        console: Console,
        title: str,
        total: int,
        read: Callable[[], dict[str, StageProgress]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stages = {}
        self._read = read or self.stages.copy
        self._title, self._clock = title, clock
        self._began = self._said = clock()
        self._progress = progress_bar(console)
        self._phase = self._progress.add_task(title, total=total, rate="")
        self._tasks: dict[str, TaskID] = {}
        self._total, self._done = total, 0
        self._console = console

    def advance(self, text: str) -> None:
        """Count one finished stage and print its description."""
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
        """Update the display until the block ends."""
        with self._progress, repeated(self.look, DRAW_SECONDS):
            yield self

    def look(self) -> None:
        """Draw the running stages; in a log, print them at most once per minute."""
        # Late or lost progress affects only the display, never the sweep.
        with contextlib.suppress(Exception):
            if self._console.is_terminal:
                self._draw(self._read())
            elif self._clock() - self._said >= LINE_SECONDS:
                self._said = self._clock()
                self._say(list(self._read().values()))

    def _say(self, stages: list[StageProgress]) -> None:
        passed = duration(self._clock() - self._began)
        parts = [str(stage) for stage in stages[:MOST_SHOWN]]
        if len(stages) > MOST_SHOWN:
            parts.append(f"{len(stages) - MOST_SHOWN} more")
        said = "; ".join([f"{self._title} {self._done} of {self._total} after {passed}", *parts])
        self._console.print(
            f"  [dim]{escape(said)}[/]",
            soft_wrap=True,
            highlight=False,
        )

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
