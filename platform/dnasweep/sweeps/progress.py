"""The driver's picture of a phase: a bar for the phase, and a line for each running stage.

In a terminal it is drawn; in a file one line is printed per minute.
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
"""Running stages in one line of a log."""


@dataclass
class StageProgress:
    """How far a running stage is."""

    text: str
    """Its name."""
    done: float
    """Steps done."""
    total: float
    """Steps planned."""
    bases_per_second: float
    """How fast it has been since it was begun or continued."""
    seconds_left: float = 0.0
    """Until its last step."""

    def __str__(self) -> str:
        step = f"{self.text}: step {self.done:,.0f} of {self.total:,.0f}"
        if self.bases_per_second <= 0:
            # Its first step: how fast it is, the next ones tell.
            return step
        return (
            f"{step}, {self.bases_per_second / 1e3:,.0f} kb/s, {duration(self.seconds_left)} left"
        )


class StepTimer:
    """Turns the steps of one training into its progress.

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
        """Return how far it is.

        Parameters
        ----------
        done, total
            Numbers of finished and of planned optimizer steps.
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
        Returns the progress of the stages that are running now, by key; None: it is in `stages`.
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
        with self._progress, repeated(self.look, DRAW_SECONDS):
            yield self

    def look(self) -> None:
        """Draw what runs now; in a log say it, if a minute has passed since the last time."""
        # Progress that is late or lost costs a picture, never the sweep.
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
