"""MLflow's database if it is a file: one process creates or migrates it, on a disk with locks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from dnasweep.errors import InputError
from dnasweep.storage import StorageLock, takes_locks


@contextlib.contextmanager
def alone_with(database: Path | None) -> Iterator[None]:
    """Hold the lock of a database during the block, after checking its folder.

    Parameters
    ----------
    database
        The file, which need not exist; None for other stores, which need no lock.

    Raises
    ------
    InputError
        If the file system does not support locks, without which SQLite can neither write nor read.
    """
    if database is None:
        yield
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    if not takes_locks(database.parent):
        raise InputError(
            "MLflow's database needs file locks, which the file system of its folder does not support",
            file=str(database),
            remedy="Give another location with --tracking-uri: sqlite:////path/on/another/disk/mlflow.db, "
            "the address of an MLflow server, or none. Models and tables stay in --storage.",
        )
    with StorageLock(database.with_name(f"{database.name}.lock")):
        yield
