"""Seconds of a program by part; a part does not include the parts within it, and threads are separate."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch


class Stopwatch:
    """Counts the seconds of parts, on the clock and on the processor.

    The clock also counts other programs that are running; the processor's seconds are those of
    the part's own thread alone.
    """

    def __init__(self) -> None:
        self.clock: dict[str, float] = defaultdict(float)
        self.processor: dict[str, float] = defaultdict(float)
        self._within = threading.local()

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the block as a part instead of the surrounding part."""
        inner = self._within.__dict__.setdefault("parts", [])
        inner.append([0.0, 0.0])
        clock, processor = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            spent = (time.perf_counter() - clock, time.thread_time() - processor)
            clock_within, processor_within = inner.pop()
            self.clock[name] += spent[0] - clock_within
            self.processor[name] += spent[1] - processor_within
            if inner:
                inner[-1][0] += spent[0]
                inner[-1][1] += spent[1]

    @contextlib.contextmanager
    def watching(self, *watched: tuple[Any, str, str]) -> Iterator[None]:
        """Count every call of (owner, attribute) as the part of that name, during the block."""
        with contextlib.ExitStack() as stack:
            for owner, attribute, name in watched:
                timed = self._timed(getattr(owner, attribute), name)
                stack.enter_context(patch.object(owner, attribute, timed))
            yield

    def _timed(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(call)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.part(name):
                return call(*args, **kwargs)

        return timed
