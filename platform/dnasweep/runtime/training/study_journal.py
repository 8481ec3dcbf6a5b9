"""The file of Optuna's studies: a journal, which only requires a file system to append."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from optuna import logging
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from dnasweep.storage import StorageLock


class _JournalLock:
    """A storage lock with the interface that Optuna's journal needs.

    Optuna's own locks are released by force after 30 s, even if the holder is alive, and a killed
    holder blocks all others for as long.
    """

    def __init__(self, lock: StorageLock) -> None:
        self._lock = lock

    def acquire(self) -> bool:
        self._lock.acquire()
        return True

    def release(self) -> None:
        self._lock.release()


def open_journal(file: Path, lock: Callable[[], StorageLock]) -> JournalStorage:
    """Open a file of studies, which is created if it does not exist.

    Parameters
    ----------
    file
        Path of the journal.
    lock
        Makes the lock for writing to the journal.
    """
    logging.set_verbosity(logging.WARNING)
    with lock():
        _drop_incomplete_line(file)
    backend = JournalFileBackend(str(file), lock_obj=_JournalLock(lock()))  # type: ignore[arg-type]
    return JournalStorage(backend)


def _drop_incomplete_line(file: Path) -> None:
    """Remove an incomplete line at the end of a file, left by a killed process or a full disk."""
    if not file.is_file():
        return
    with file.open("rb+") as journal:
        data = journal.read()
        if not data.endswith(b"\n"):
            journal.truncate(data.rfind(b"\n") + 1)
