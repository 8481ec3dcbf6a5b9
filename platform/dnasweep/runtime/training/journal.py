"""The file of Optuna's studies: its journal, which asks no more of a file system than to append."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from optuna import logging
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from dnasweep.storage import StorageLock


class _JournalLock:
    """A lock of the storage as Optuna's journal asks for it.

    Optuna's own are given up by force after 30 s, whoever has them, and a killed holder stalls all others
    as long.
    """

    def __init__(self, lock: StorageLock) -> None:
        self._lock = lock

    def acquire(self) -> bool:
        self._lock.acquire()
        return True

    def release(self) -> None:
        self._lock.release()


def open_journal(file: Path, lock: Callable[[], StorageLock]) -> JournalStorage:
    """Open a file of studies, made if there is none.

    Parameters
    ----------
    file
        Path of the journal.
    lock
        Makes the lock of those who write to it.
    """
    logging.set_verbosity(logging.WARNING)
    with lock():
        _drop_incomplete_line(file)
    backend = JournalFileBackend(str(file), lock_obj=_JournalLock(lock()))  # type: ignore[arg-type]
    return JournalStorage(backend)


def _drop_incomplete_line(file: Path) -> None:
    """Remove the end of a file that a killed process or a full disk has left without its rest."""
    if not file.is_file():
        return
    with file.open("rb+") as journal:
        data = journal.read()
        if not data.endswith(b"\n"):
            journal.truncate(data.rfind(b"\n") + 1)
