"""The one exception whose message is written for the user.

Every room raises :class:`InputError` for what the user can fix: a missing file, an unknown species, a
row with letters that are not DNA. The command line prints its message and exits with code 2. Any other
error is a defect of the program and keeps its traceback.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

_FULL = ("no space left on device", "disk quota exceeded", "database or disk is full")


class InputError(ValueError):
    """Input that cannot be used as it is.

    Parameters
    ----------
    reason
        What is wrong, as one sentence without a full stop.
    file
        The file that the problem is in, if there is one.
    row
        The 1-based line or record in that file; the header is line 1.
    remedy
        What to do about it.
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
        # Exceptions cross process borders by pickle; keyword-only arguments need this.
        return _rebuild, (self.reason, self.file, self.row, self.remedy)


class NothingLeft(InputError):
    """Work that was done but gave no result; the exit code is 1."""

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_nothing, (self.reason, self.remedy)


def _rebuild_nothing(reason: str, remedy: str | None) -> NothingLeft:
    return NothingLeft(reason, remedy=remedy)


def _rebuild(reason: str, file: str | None, row: int | None, remedy: str | None) -> InputError:
    return InputError(reason, file=file, row=row, remedy=remedy)


def is_full_disk(error: BaseException | None) -> bool:
    """Return whether an error, or its cause, says that a disk is full.

    Libraries in Rust (safetensors, tokenizers) and SQLite say so only in the message.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if any(words in str(error).lower() for words in _FULL):
            return True
        error = error.__cause__ or error.__context__
    return False


def is_without_locks(error: BaseException | None) -> bool:
    """Return whether an error, or its cause, says that a file system takes no locks."""
    while error is not None:
        if isinstance(error, OSError) and error.errno == errno.ENOLCK:
            return True
        error = error.__cause__ or error.__context__
    return False


def without_locks(path: str | os.PathLike[str] | None) -> InputError:
    """Return the error for a library that needs a lock where a file system takes none.

    Parameters
    ----------
    path
        The file, if the library says which.
    """
    return InputError(
        "a library needs a lock on a file, and its file system takes none",
        file=None if path is None else os.fspath(path),
        remedy="Name a folder on another disk for what libraries keep: HF_HOME for those of the "
        "Hugging Face hub, XDG_CACHE_HOME for copies of buckets.",
    )


def full_disk(path: str | os.PathLike[str] | None) -> InputError:
    """Return the error for a full disk, with the file or folder that was written."""
    return InputError(
        "no space left on the device",
        file=None if path is None else os.fspath(path),
        remedy="Free space and run the same command again: finished stages are kept.",
    )
