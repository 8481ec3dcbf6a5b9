"""A progress bar in the terminal, and a function that is called repeatedly while work runs."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

LINE_SECONDS = 60.0
"""Seconds between two lines if the output is not a terminal."""


def progress_bar(console: Console) -> Progress:
    """Return a progress bar with a field `rate` for each task; it draws nothing outside a terminal."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        speed_estimate_period=300,
        disable=not console.is_terminal,
    )


@contextlib.contextmanager
def repeated(look: Callable[[], object], seconds: float) -> Iterator[None]:
    """Call a function at regular intervals in a thread until the block ends."""
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(seconds):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)


def rate(value: float) -> str:
    """Format a rate with three significant digits, or as a whole number: `0.0512`, `47.3`, `1,990`.

    Examples
    --------
    >>> rate(0.05123), rate(47.26), rate(1990.4)
    ('0.0512', '47.3', '1,990')
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Format a duration: `45 s`, `12 min`, `3 h 05 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"
