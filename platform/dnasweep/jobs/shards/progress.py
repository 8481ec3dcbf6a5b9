"""Progress of jobs of shards: rows done, rows per second and time left, also within a shard."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Hashable, Iterator, Mapping

from rich.console import Console

from dnasweep.progress import LINE_SECONDS, duration, progress_bar, rate, repeated

DRAW_SECONDS = 1.0


class ShardProgress:
    """What has been done so far, drawn in a terminal or printed as lines.

    Parameters
    ----------
    console
        Where to draw.
    title
        Name of the activity, such as `explaining`.
    unit
        Name of what a row is, in the plural.
    total, done
        Rows in all, and those of shards that were there before.
    running
        Returns the rows done of each shard that is being computed, and the seconds since the first
        shard was begun.
    clock
        Returns seconds, as :func:`time.monotonic` does.
    """

    def __init__(
        self,
        console: Console,
        title: str,
        *,
        unit: str,
        total: int,
        done: int,
        running: Callable[[], tuple[Mapping[Hashable, int], float]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console, self._title, self._unit = console, title, unit
        self._total, self._before, self._done = total, done, done
        self._running, self._clock = running, clock
        self._partial: dict[Hashable, int] = {}
        self._started: float | None = None
        self._said = clock()
        self._bar = progress_bar(console)
        self._task = self._bar.add_task(title, total=total, completed=done, rate="starting actors")

    @property
    def rate(self) -> float:
        """Rows per second since the first shard was begun; 0 before anything is known."""
        return (self._rows() - self._before) / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds(self) -> float:
        """Seconds since the first shard was begun."""
        return 0.0 if self._started is None else self._clock() - self._started

    def finish(self, shard: Hashable, num_rows: int) -> None:
        """Count a published shard."""
        self._partial.pop(shard, None)
        self._done += num_rows
        self.look()

    def look(self) -> None:
        """Ask how far the running shards are, and draw or print it."""
        # A status actor that is late costs a picture, never the job.
        with contextlib.suppress(Exception):
            running, seconds = self._running()
            self._partial = dict(running)
            if seconds:
                self._started = self._clock() - seconds
        speed = f"{rate(self.rate)} {self._unit}/s" if self.rate else "starting actors"
        self._bar.update(self._task, completed=self._rows(), rate=speed)
        if not self._console.is_terminal and self._clock() - self._said >= LINE_SECONDS:
            self._said = self._clock()
            self._console.print(f"  {self.line()}", highlight=False)

    def line(self) -> str:
        """Return the progress in words."""
        text = f"{self._title}: {self._rows():,} of {self._total:,} {self._unit}"
        if not self.rate:
            return text
        left = (self._total - self._rows()) / self.rate
        return f"{text}, {rate(self.rate)} a second, {duration(left)} left"

    @contextlib.contextmanager
    def running(self) -> Iterator[ShardProgress]:
        """Look once a second until the block ends."""
        with self._bar, repeated(self.look, DRAW_SECONDS):
            yield self

    def _rows(self) -> int:
        return min(self._total, self._done + sum(self._partial.values()))
