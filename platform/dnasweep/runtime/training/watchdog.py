"""Two threads that watch a training run: for hangs, and for machines that are about to end."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection, Mapping
from typing import Self

import ray

from dnasweep.runtime.ray_private import draining_nodes

_FRAMES = 6
_STDERR = 2
_GRACE_SECONDS = 30.0
_REPORT_SECONDS = 10.0
POLL_SECONDS = 5.0
SAVE_AGAIN_SECONDS = 10.0
"""Seconds between saved states after a preemption notice."""


class Watch:
    """Ends the process of a training run that makes no step for too long.

    The process ends itself and thereby releases its devices, whatever the cause: for example a
    storage that never answers, or a collective operation that waits for a lost worker. It first
    reports what it was doing. Ray starts it again, and it resumes from its last state.

    Parameters
    ----------
    seconds
        Maximum time between two calls of `beat`, after the first call; 0 disables the watch.
    report
        Called with a message about the hang before the process ends.
    leave
        Function that ends the process.
    """

    def __init__(
        self,
        seconds: float,
        report: Callable[[str], None],
        *,
        leave: Callable[[], None] = lambda: os._exit(1),
    ) -> None:
        self._seconds, self._report, self._leave = seconds, report, leave
        self._last_beat: float | None = None
        self._watched_thread = 0
        self._over = threading.Event()

    def __enter__(self) -> Self:
        if self._seconds > 0:
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()

    def beat(self) -> None:
        """Report, from the training thread, that training is alive."""
        self._watched_thread, self._last_beat = threading.get_ident(), time.monotonic()

    def _watch(self) -> None:
        try:
            while not self._over.wait(min(1.0, self._seconds / 10)):
                # This handles a library that hangs and does not let other Python threads run.
                with contextlib.suppress(ValueError, OSError, RuntimeError):
                    faulthandler.dump_traceback_later(
                        self._seconds + _GRACE_SECONDS, exit=True, file=_STDERR
                    )
                last = self._last_beat
                if last is not None and time.monotonic() - last > self._seconds:
                    self._end()
                    return
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _end(self) -> None:
        frame = sys._current_frames().get(self._watched_thread)
        frames = traceback.extract_stack(frame)[-_FRAMES:] if frame else []
        stack = " < ".join(
            f"{entry.name} ({os.path.basename(entry.filename)}:{entry.lineno})"
            for entry in reversed(frames)
        )
        message = f"no step for {self._seconds:g} s, in {stack or 'an unknown place'}"

        def report() -> None:
            with contextlib.suppress(Exception):
                self._report(message)

        reporting = threading.Thread(target=report, daemon=True)
        reporting.start()
        reporting.join(_REPORT_SECONDS)
        if not self._over.is_set():
            self._leave()


def this_node() -> str:
    """Return the NodeID of the machine that this process runs on."""
    return str(ray.get_runtime_context().get_node_id())


class PreemptionNotice:
    """Reports when a training run must save its state because one of its machines is about to end.

    In Ray, such a machine is a node that is being drained: a spot machine preempted by its cloud,
    one removed by an autoscaler, or one whose `ray start --block` was told to end.

    Parameters
    ----------
    nodes
        NodeIDs of the machines used by the training run.
    ask
        Returns the nodes that are being drained.
    poll_seconds
        Seconds between two polls.
    """

    def __init__(
        self,
        nodes: Collection[str],
        *,
        ask: Callable[[], Mapping[str, int]] = draining_nodes,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._nodes, self._ask, self._poll_seconds = frozenset(nodes), ask, poll_seconds
        self._draining = False
        self._saved_at: float | None = None
        self._over = threading.Event()

    def __enter__(self) -> Self:
        if self._nodes:
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()

    def due(self) -> bool:
        """Return whether the caller must save the state now."""
        if not self._draining:
            return False
        now = time.monotonic()
        if self._saved_at is not None and now - self._saved_at < SAVE_AGAIN_SECONDS:
            return False
        self._saved_at = now
        return True

    def _watch(self) -> None:
        while not self._over.wait(self._poll_seconds):
            # The head may be unreachable for a while; training does not need it.
            with contextlib.suppress(Exception):
                self._draining = not self._nodes.isdisjoint(self._ask())
