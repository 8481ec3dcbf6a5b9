"""Progress of running stages: workers post to an actor, the driver draws what it holds."""

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
WORDS_SECONDS = 10.0
DRAW_SECONDS = 0.5


@dataclass
class StageProgress:
    """Where a running stage stands."""

    text: str
    done: float
    total: float
    bases_per_second: float


class _ProgressActor:
    """The actor's state: posts of running stages, and what hung ones have said at their end."""

    def __init__(self) -> None:
        self.posts: dict[str, StageProgress] = {}
        self.words: dict[str, list[str]] = {}

    def post(self, key: str, post: StageProgress | None) -> None:
        if post is None:
            self.posts.pop(key, None)
        else:
            self.posts[key] = post

    def read(self) -> dict[str, StageProgress]:
        return self.posts

    def end(self, key: str, words: str) -> None:
        self.words.setdefault(key, []).append(words)

    def ended(self) -> dict[str, list[str]]:
        return self.words


def make_progress_actor() -> Any:
    """Start the actor beside the driver, whose end is its own; it takes no CPU from trials."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    return ray.remote(_ProgressActor).options(num_cpus=0, scheduling_strategy=here).remote()


def report_hang(board: Any, key: str, words: str) -> None:
    """Leave the last words of a stage that hangs."""
    ray.get(board.end.remote(key, words), timeout=WORDS_SECONDS)


def hang_reports(board: Any) -> dict[str, list[str]]:
    """Return the last words of stages that have hung, by key; nothing where the board is gone."""
    if board is None:
        return {}
    try:
        return dict(ray.get(board.ended.remote(), timeout=WORDS_SECONDS))
    except (ray.exceptions.RayError, TimeoutError):
        return {}


class ProgressPoster:
    """Posts the progress of one stage, at most twice a second.

    Parameters
    ----------
    board
        The actor's handle, or None to post nothing.
    """

    def __init__(self, board: Any, key: str, text: str) -> None:
        self._board, self._key, self._text = board, key, text
        self._last = self._started = time.monotonic()
        self._first_bases: float | None = None

    def step(self, done: int, total: int, bases: float) -> None:
        """Post steps done, steps planned and bases seen."""
        now = time.monotonic()
        if self._first_bases is None:
            self._first_bases, self._started = bases, now
        if self._board is None or now - self._last < POST_SECONDS:
            return
        self._last = now
        rate = (bases - self._first_bases) / max(now - self._started, 1e-9)
        self._board.post.remote(self._key, StageProgress(self._text, done, total, rate))

    def close(self) -> None:
        """Take the post down."""
        if self._board is not None:
            self._board.post.remote(self._key, None)


class Display:
    """The driver's progress display: a bar for the phase and a line for each running stage."""

    def __init__(self, console: Console, board: Any, title: str, total: int) -> None:
        self._board = board
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
        self._title, self._total, self._done = title, total, 0
        self._console = console

    def advance(self, text: str) -> None:
        """Count one finished stage and say what it was."""
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
            if self._board is None or not sys.stdout.isatty():
                continue
            try:
                self._draw(ray.get(self._board.read.remote(), timeout=2))
            except Exception:
                # A late or dying board costs a picture, never the sweep.
                continue

    def _draw(self, posts: dict[str, StageProgress]) -> None:
        for key in [k for k in self._tasks if k not in posts]:
            self._progress.remove_task(self._tasks.pop(key))
        for key, post in posts.items():
            rate = f"{post.bases_per_second / 1e3:.0f} kb/s"
            if key not in self._tasks:
                self._tasks[key] = self._progress.add_task(
                    escape(post.text), total=post.total, rate=rate
                )
            self._progress.update(
                self._tasks[key], completed=post.done, total=post.total, rate=rate
            )
