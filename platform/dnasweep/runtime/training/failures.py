"""Decisions on which failures are retried, and messages about the others.

A lost process (killed, hung, or on a machine that has gone) may succeed elsewhere from the last
state. An error of the code itself, such as bad input or a model that is too large for the memory,
would occur again. A trial is started again if :func:`is_lost` (see `trials.py`), a worker group
unless :func:`is_final` (see `workers.py`), in each case up to `RESTARTS` times.
"""

from __future__ import annotations

import copy
import re
from typing import Any, TypeGuard

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from dnasweep.errors import InputError, full_disk, is_full_disk

RESTARTS = 3
"""Maximum number of restarts of a trial, and of its worker group."""
_OUT_OF_MEMORY = re.compile(
    r"out of memory|can't allocate memory|not enough memory|low on memory|NODE_OUT_OF_MEMORY", re.I
)
_MEMORY_USED = re.compile(r"was (\S+ used / \S+) limit")
_DETAIL = re.compile(r"Worker exit detail: (.+)|death information: (.+)")
_MAX_CHARS = 300


class Hung(RuntimeError):
    """A training run made no step for longer than the limit, more than once."""


class Lost(RuntimeError):
    """Every attempt at a training run ended because its process was lost."""


def result_of(reference: Any) -> Any:
    """Return the result of a task, or raise its own `InputError` instead of Ray's wrapper."""
    try:
        return ray.get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, InputError):
            raise error.cause from None
        raise


def is_lost(error: BaseException) -> TypeGuard[RayError]:
    """Return whether Ray reports that a process, or an object in it, was lost."""
    return isinstance(error, RayError)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that a machine or a device is out of memory."""
    return isinstance(error, MemoryError) or bool(_OUT_OF_MEMORY.search(str(error)))


def full_memory(error: BaseException) -> InputError:
    """Return the error for a machine without enough memory for a trial."""
    used = _MEMORY_USED.search(str(error))
    return InputError(
        f"this machine is running out of memory{f' ({used[1]})' if used else ''}, so trials were stopped",
        remedy="Close other programs, or run fewer trials at the same time with a larger "
        "--cpus-per-worker, and run the same command again: finished stages are kept.",
    )


def is_final(error: BaseException) -> bool:
    """Return whether an error of a worker would occur again in the next attempt of its group.

    Errors of Ray are never final: when one worker is lost, the others fail as a consequence.
    """
    if isinstance(error, RayError):
        return False
    return isinstance(error, (InputError, Hung)) or is_out_of_memory(error) or is_full_disk(error)


def portable(error: Exception) -> Exception:
    """Return an error that can be pickled, unlike some errors of libraries."""
    if is_full_disk(error) and not isinstance(error, InputError):
        return full_disk(getattr(error, "filename", None))
    try:
        # This takes the same steps as pickling.
        copy.deepcopy(error)
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def lost(error: BaseException, *, hang: str = "") -> Lost | Hung:
    """Return the error for a training run whose process was lost too often.

    Parameters
    ----------
    error
        Error of the last attempt.
    hang
        Report of a hung process before it ended itself; empty if there is none.
    """
    if hang:
        return Hung(hang)
    detail = _DETAIL.search(str(error))
    said = next(filter(None, detail.groups()), "") if detail else ""
    said = (said or str(error).strip() or type(error).__name__).splitlines()[0][:_MAX_CHARS]
    what = "ran out of memory" if is_out_of_memory(error) else "was lost"
    return Lost(f"its process {what} {RESTARTS + 1} times: {said}")


def describe_error(error: BaseException) -> str:
    """Return an error as text for a table or a tag."""
    if isinstance(error, (InputError, Hung, Lost)):
        return str(error)
    if isinstance(error, RayActorError):
        return str(lost(error))
    kind = "out of memory: " if is_out_of_memory(error) else ""
    return f"{kind}{type(error).__name__}: {error}"
