"""Optuna's study of a sweep, reopened, or made again from the trials if its file is damaged.

Studies used to be in a SQLite file, `optuna.db`, which is copied when its sweep is run again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import optuna
from optuna.exceptions import OptunaError
from optuna.storages import JournalStorage, RDBStorage
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from dnasweep.runtime.training.search import Study
from dnasweep.runtime.training.study_journal import open_journal
from dnasweep.stages.recipe import Cell
from dnasweep.storage import StorageLock, set_aside, takes_locks

DATABASE = "optuna.db"
_UNREADABLE = (OptunaError, ValueError, LookupError, TypeError, AttributeError, AssertionError)
"""Errors that Optuna raises if the lines of a journal have been changed."""


def open_study(
    file: Path,
    make: Callable[[JournalStorage], Study],
    values: Mapping[Cell, float],
    root: Path,
    *,
    name: str,
    lock: Callable[[], StorageLock],
) -> Study:
    """Open a study; if its file is damaged, set the file aside and make it again from the trials.

    Parameters
    ----------
    file
        Path of the journal.
    make
        Opens the study in the journal, or creates it.
    values
        Values that finished trials reached, from their published outcomes. A study that
        contradicts them is considered damaged.
    root
        Local folder of the storage, where a damaged file is kept.
    name
        Name of the study.
    lock
        Makes the lock for writing to the journal.
    """
    damaged = file
    try:
        journal = open_journal(file, lock)
        if name not in optuna.get_all_study_names(journal):
            damaged = file.with_name(DATABASE)
            _copy_from(damaged, name, journal)
            damaged = file
        study = make(journal)
        if not study.contradicts(values):
            return study
        wrong = "a trial has another value there than it came to"
    except OperationalError:
        # The database of earlier studies is locked by another process.
        raise
    except (*_UNREADABLE, SQLAlchemyError) as error:
        wrong = (
            f"it cannot be read ({str(error).splitlines()[0][:200] if str(error) else error!r})"
        )
    set_aside(root, "sweeps", damaged.stem, damaged, lambda: wrong, str(damaged))
    study = make(open_journal(file, lock))
    study.recall(values)
    return study


def _copy_from(database: Path, name: str, journal: JournalStorage) -> None:
    """Copy a study from a SQLite file, if it exists there."""
    if not database.is_file():
        return
    locks = "" if takes_locks(database.parent) else "?nolock=1&uri=true"
    path = f"file:{quote(str(database))}" if locks else str(database)
    source = RDBStorage(f"sqlite:///{path}{locks}")
    try:
        if name in optuna.get_all_study_names(source):
            with contextlib.suppress(optuna.exceptions.DuplicatedStudyError):
                optuna.copy_study(from_study_name=name, from_storage=source, to_storage=journal)
    finally:
        source.engine.dispose()
