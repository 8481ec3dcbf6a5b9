"""Asking an object store again while it is overloaded or out of reach, and no longer.

Faults that pass (HTTP 5xx, no connection) are met with growing pauses; what a store refuses for good
is told at once.
"""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from dnasweep.errors import InputError

log = logging.getLogger("dnasweep.storage")

RETRY_SECONDS = 300.0
"""How long a store that does not answer is asked again, beyond pyarrow's own few attempts."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 20.0

_FAULT = re.compile(r"AWS Error (\w+)(?: \(HTTP status (\d+)\))?")
_PASSING = frozenset(
    "INTERNAL_FAILURE SERVICE_UNAVAILABLE SLOW_DOWN THROTTLING REQUEST_TIMEOUT "
    "NETWORK_CONNECTION".split()
)
_PASSING_STATUS = frozenset({408, 429, 500, 502, 503, 504})

Result = TypeVar("Result")


class Unavailable(InputError):
    """The store has not answered for longer than anybody waits, or refuses for good."""


class StorageFault(NamedTuple):
    """What an object store has answered in place of the thing asked for."""

    name: str
    """Its code, such as SLOW_DOWN, with the HTTP status where that is all there is."""
    passing: bool
    """Whether asking again may help."""


def fault_of(error: BaseException) -> StorageFault | None:
    """Return what a store has answered, or None where the error is none of a store's."""
    found = _FAULT.search(str(error))
    if found is None:
        return None
    name, status = found[1], int(found[2] or 0)
    passing = name in _PASSING or status in _PASSING_STATUS
    return StorageFault(f"{name}, HTTP status {status}" if status else name, passing)


def with_retries(
    call: Callable[[], Result], *, where: str, seconds: float | None = None
) -> Result:
    """Call until it succeeds, fails for good, or patience ends.

    Parameters
    ----------
    where
        URI of the store, for messages.
    seconds
        Patience; None: `RETRY_SECONDS`.

    Raises
    ------
    Unavailable
        For an answer of the store; other errors pass through.
    """
    patience = RETRY_SECONDS if seconds is None else seconds
    end, pause = time.monotonic() + patience, FIRST_PAUSE
    while True:
        try:
            return call()
        except OSError as error:
            fault = fault_of(error)
            if fault is None:
                raise
            left = end - time.monotonic()
            if not fault.passing or left <= 0:
                raise _unavailable(fault, where, patience) from error
        if pause == FIRST_PAUSE:
            log.warning("%s does not answer (%s); asking again", where, fault.name)
        # Many machines that were refused together are not to come back together.
        time.sleep(min(pause * random.uniform(0.5, 1.0), left))
        pause = min(2 * pause, LONGEST_PAUSE)


def _unavailable(fault: StorageFault, where: str, patience: float) -> Unavailable:
    if fault.passing:
        return Unavailable(
            f"the storage has not answered for {patience:.0f} s ({fault.name})",
            file=where,
            remedy="Run the same command again when it does: finished stages are kept.",
        )
    return Unavailable(
        f"the storage refuses ({fault.name})",
        file=where,
        remedy="Check the bucket's name and that this machine may read, write, list and delete "
        "there.",
    )
