"""A search whose file is damaged: set aside, and made again of the trials that are published."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

import optuna
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from dnasweep.runtime.training.search import Study
from dnasweep.stages.recipe import Cell
from dnasweep.storage import set_aside


def open_study(
    file: Path, opened: Callable[[], Study], worth: Mapping[Cell, float], root: Path
) -> Study:
    """Return a search whose file is whole, and says of trials what these are worth.

    Parameters
    ----------
    file
        SQLite file of searches.
    opened
        Opens the search in it, or begins one.
    worth
        What finished trials are worth, from their own outcomes.
    root
        Local folder of the storage, where a damaged file is kept.
    """
    study: Study | None = None
    wrong = damage(file)
    if wrong is None:
        try:
            study = opened()
            wrong = "a trial has another value there than it came to"
            if not study.contradicts(worth):
                return study
        except OperationalError:
            # Locked by somebody else, or the disk is full.
            raise
        except (SQLAlchemyError, optuna.exceptions.OptunaError, ValueError, LookupError) as error:
            wrong = f"it cannot be read ({str(error).splitlines()[0][:200]})"
    if study is not None:
        study.close()
    said = wrong
    set_aside(root, "sweeps", file.stem, file, lambda: said, str(file))
    study = opened()
    study.recall(worth)
    return study


def damage(file: Path) -> str | None:
    """Return what is wrong with a SQLite file as such, or None; one that is not there is whole."""
    if not file.is_file():
        return None
    try:
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            said = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError:
        return None
    except (sqlite3.DatabaseError, ValueError) as error:
        return str(error)
    return None if said == "ok" else said.splitlines()[0]
