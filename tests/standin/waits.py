"""Where the host waits for the device: what was waited for, and the function of ours that did."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dnasweep

PACKAGE = str(Path(dnasweep.__file__).parent) + "/"


class Waits:
    """Counts waits by kind and place while it is asked to.

    A kind is `read` (one number), `download` (a copy to the host), `upload` (a copy from the host that is not
    pinned, or not told to go on meanwhile), `shape` (a shape that depends on values) or `index` (indices that
    lie on the host).
    """

    def __init__(self) -> None:
        self._found: Counter[tuple[str, str]] | None = None
        self._lock = threading.Lock()

    def add(self, kind: str) -> None:
        """Count one, at the innermost function of the package."""
        if self._found is not None:
            with self._lock:
                self._found[kind, place()] += 1

    @contextlib.contextmanager
    def counted(self) -> Iterator[Counter[tuple[str, str]]]:
        """Yield the counter of what happens in the block."""
        before, self._found = self._found, Counter()
        try:
            yield self._found
        finally:
            self._found = before


def place() -> str:
    """Return file and name of the innermost function of the package that is being run."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.startswith(PACKAGE):
            return f"{frame.f_code.co_filename.removeprefix(PACKAGE)}:{frame.f_code.co_qualname}"
        frame = frame.f_back
    return "elsewhere"


WAITS = Waits()
