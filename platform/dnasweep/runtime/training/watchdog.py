"""A watchdog inside the process of a training: one that takes no step for too long ends.

The process ends itself, so that nothing that hangs holds a device, whatever it hangs on: a storage
that never answers, a collective that waits for a lost worker. What it was doing then is told first.
Ray starts it again, and it goes on from its last state.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable

_FRAMES = 6
_STDERR = 2
_GRACE_SECONDS = 30.0
_TELLING_SECONDS = 10.0


class Watch:
    """Watches a training from its first sign of life on.

    Parameters
    ----------
    seconds
        Longest time between two signs of life; 0 watches nothing.
    tell
        Given what is to be said of a training that hangs, before the process ends.
    leave
        Ends the process.
    """

    def __init__(
        self,
        seconds: float,
        tell: Callable[[str], None],
        *,
        leave: Callable[[], None] = lambda: os._exit(1),
    ) -> None:
        self._seconds, self._tell, self._leave = seconds, tell, leave
        self._seen: float | None = None
        self._thread_seen = 0
        self._over = threading.Event()

    def __enter__(self) -> Watch:
        if self._seconds > 0:
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()

    def beat(self) -> None:
        """Give a sign of life, in the thread that trains."""
        self._thread_seen, self._seen = threading.get_ident(), time.monotonic()

    def _watch(self) -> None:
        try:
            while not self._over.wait(min(1.0, self._seconds / 10)):
                # For a library that hangs and lets no other thread of Python run.
                with contextlib.suppress(ValueError, OSError, RuntimeError):
                    faulthandler.dump_traceback_later(
                        self._seconds + _GRACE_SECONDS, exit=True, file=_STDERR
                    )
                seen = self._seen
                if seen is not None and time.monotonic() - seen > self._seconds:
                    self._end()
                    return
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _end(self) -> None:
        frame = sys._current_frames().get(self._thread_seen)
        places = traceback.extract_stack(frame)[-_FRAMES:] if frame else []
        stack = " < ".join(
            f"{place.name} ({os.path.basename(place.filename)}:{place.lineno})"
            for place in reversed(places)
        )
        text = f"no step for {self._seconds:g} s, in {stack or 'an unknown place'}"
        telling = threading.Thread(target=self._say, args=(text,), daemon=True)
        telling.start()
        telling.join(_TELLING_SECONDS)
        if not self._over.is_set():
            self._leave()

    def _say(self, text: str) -> None:
        with contextlib.suppress(Exception):
            self._tell(text)
