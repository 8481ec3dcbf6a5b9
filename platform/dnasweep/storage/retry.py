"""Retries of requests to an object store that is overloaded or unreachable.

Temporary faults (HTTP 5xx, no connection) are retried after increasing pauses; permanent refusals
are reported immediately.
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
"""Seconds for which requests are retried, in addition to pyarrow's own few attempts."""
FIRST_PAUSE, MAX_PAUSE = 0.5, 20.0

_FAULT = re.compile(r"AWS Error (\w+)(?: \(HTTP status (\d+)\))?")
_TEMPORARY = frozenset(
    "INTERNAL_FAILURE SERVICE_UNAVAILABLE SLOW_DOWN THROTTLING REQUEST_TIMEOUT "
    "NETWORK_CONNECTION".split()
)
_TEMPORARY_STATUS = frozenset({408, 429, 500, 502, 503, 504})

Result = TypeVar("Result")


class Unavailable(InputError):
    """The store has not answered within the time limit, or refuses permanently."""


class StorageFault(NamedTuple):
    """An error returned by an object store."""

    name: str
    """Error code, such as SLOW_DOWN, and the HTTP status if there is one."""
    temporary: bool
    """Whether a retry may help."""


def fault_of(error: BaseException) -> StorageFault | None:
    """Return the fault in an error message of a store, or None for any other error."""
    found = _FAULT.search(str(error))
    if found is None:
        return None
    name, status = found[1], int(found[2] or 0)
    temporary = name in _TEMPORARY or status in _TEMPORARY_STATUS
    return StorageFault(f"{name}, HTTP status {status}" if status else name, temporary)


def with_retries(call: Callable[[], Result], *, uri: str, seconds: float | None = None) -> Result:
    """Call a function until it succeeds, fails permanently, or time is up.

    Parameters
    ----------
    call
        Function that uses the store.
    uri
        URI of the store, for messages.
    seconds
        How long to retry; None: `RETRY_SECONDS`.

    Raises
    ------
    Unavailable
        For an error returned by the store; other errors pass through.
    """
    seconds = RETRY_SECONDS if seconds is None else seconds
    end, pause = time.monotonic() + seconds, FIRST_PAUSE
    while True:
        try:
            return call()
        except OSError as error:
            fault = fault_of(error)
            if fault is None:
                raise
            left = end - time.monotonic()
            if not fault.temporary or left <= 0:
                raise _unavailable(fault, uri, seconds) from error
        if pause == FIRST_PAUSE:
            log.warning("%s does not answer (%s); asking again", uri, fault.name)
        # The pause is random, so machines that were refused together do not retry together.
        time.sleep(min(pause * random.uniform(0.5, 1.0), left))
        pause = min(2 * pause, MAX_PAUSE)


def _unavailable(fault: StorageFault, uri: str, seconds: float) -> Unavailable:
    if fault.temporary:
        return Unavailable(
            f"the storage has not answered for {seconds:.0f} s ({fault.name})",
            file=uri,
            remedy="Run the same command again once it answers: finished stages are kept.",
        )
    return Unavailable(
        f"the storage refuses ({fault.name})",
        file=uri,
        remedy="Check the bucket's name and that this machine may read, write, list and delete "
        "there.",
    )
