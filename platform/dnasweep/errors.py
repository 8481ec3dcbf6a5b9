"""The exception whose message is written for the user.

All modules raise :class:`InputError` for problems that the user can fix: a missing file, an unknown
species, a row with letters that are not DNA. The command line prints its message and exits with code 2.
Any other error is a bug and shows its traceback.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

_FULL = ("no space left on device", "disk quota exceeded", "database or disk is full")


class InputError(ValueError):
    """Input that cannot be used.

    Parameters
    ----------
    reason
        What is wrong, as one sentence without a full stop.
    file
        File with the problem, if any.
    row
        Line or record in that file, counted from 1; the header is line 1.
    remedy
        What the user can do about it.
    """

    def __init__(
        self,
        reason: str,
        *,
        file: str | Path | None = None,
        row: int | None = None,
        remedy: str | None = None,
    ) -> None:
        self.reason = reason
        self.file = None if file is None else str(file)
        self.row = row
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        where = "" if self.file is None else self.file
        if self.row is not None:
            where += f", row {self.row}" if where else f"row {self.row}"
        text = f"{where}: {self.reason}" if where else self.reason
        return f"{text}. {self.remedy}" if self.remedy else text

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions are pickled between processes; keyword-only arguments need this.
        return _rebuild, (self.reason, self.file, self.row, self.remedy)


class NothingLeft(InputError):
    """Work that ran but gave no result; the exit code is 1."""

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_nothing, (self.reason, self.remedy)


def _rebuild_nothing(reason: str, remedy: str | None) -> NothingLeft:
    return NothingLeft(reason, remedy=remedy)


def _rebuild(reason: str, file: str | None, row: int | None, remedy: str | None) -> InputError:
    return InputError(reason, file=file, row=row, remedy=remedy)


def is_full_disk(error: BaseException | None) -> bool:
    """Return whether an error or its cause means that a disk is full.

    Rust libraries (safetensors, tokenizers) and SQLite report this only in the message.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if any(words in str(error).lower() for words in _FULL):
            return True
        error = error.__cause__ or error.__context__
    return False


def is_without_locks(error: BaseException | None) -> bool:
    """Return whether an error or its cause means that a file system does not support locks."""
    while error is not None:
        if isinstance(error, OSError) and error.errno == errno.ENOLCK:
            return True
        error = error.__cause__ or error.__context__
    return False


def without_locks(path: str | os.PathLike[str] | None) -> InputError:
    """Return the error for a library that needs a lock on a file system without locks.

    Parameters
    ----------
    path
        The file, if known.
    """
    return InputError(
        "a library needs a file lock, which the file system does not support",
        file=None if path is None else os.fspath(path),
        remedy="Move the caches of libraries to another disk: set HF_HOME for the Hugging Face hub, and "
        "XDG_CACHE_HOME for copies of buckets.",
    )


def full_disk(path: str | os.PathLike[str] | None) -> InputError:
    """Return the error for a full disk, with the file or folder that was being written."""
    return InputError(
        "no space left on the device",
        file=None if path is None else os.fspath(path),
        remedy="Free space and run the same command again: finished stages are kept.",
    )
