"""The driver's picture of a phase: a bar for the phase, and a line for each running stage."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.progress import TaskID

from dnasweep.progress import progress_bar, repeated

DRAW_SECONDS = 0.5


@dataclass
class StageProgress:
    """How far a running stage is."""

    text: str
    done: float
    total: float
    bases_per_second: float


class Display:
    """The driver's progress display: a bar for the phase and a line for each running stage.

    Parameters
    ----------
    console
        Where to draw; nothing is drawn if it is not a terminal.
    title
        Name of the phase.
    total
        Stages in the phase.
    read
        Returns the progress of the stages that are running now, by key; None: only the bar is drawn.
    """

    def __init__(
        self,
        console: Console,
        title: str,
        total: int,
        read: Callable[[], dict[str, StageProgress]] | None = None,
    ) -> None:
        self._read = read
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
        with self._progress, repeated(self._look, DRAW_SECONDS):
            yield self

    def _look(self) -> None:
        if self._read is not None and sys.stdout.isatty():
            # Progress that is late or lost costs a picture, never the sweep.
            with contextlib.suppress(Exception):
                self._draw(self._read())

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
