"""What is given in memory, written to files for a command that reads files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from dnasweep.api.sequences import GIVEN, Sequences, paths_of, read_given
from dnasweep.plain import write_csv


def files_of(sequences: Sequences, folder: Path) -> tuple[str, ...]:
    """Return the files of sequences; those that are in memory are written into a folder.

    Parameters
    ----------
    sequences
        In any form.
    folder
        Where to write.
    """
    if (paths := paths_of(sequences)) is not None:
        return tuple(map(str, paths))
    table = read_given(sequences).table
    kept = [name for name in ("id", "sequence", "label", "species") if name in table]
    if (table["label"] < 0).all():
        kept.remove("label")
    return (write_table(table[kept], folder, GIVEN),)


def write_table(table: pd.DataFrame, folder: Path, name: str) -> str:
    """Write a table as TSV into a folder and return its path.

    Parameters
    ----------
    table
        What to write.
    folder
        Where to write; made if it is not there.
    name
        Name of the file, without its ending.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.tsv"
    write_csv(table, path, sep="\t")
    return str(path)


def data_of(data: Any, folder: Path, *, name: str = "data") -> tuple[str, ...]:
    """Return the files of data: paths as they are, a table written into a folder under a name.

    Parameters
    ----------
    data
        Paths, a table, or None.
    folder
        Where a table is written.
    name
        Name of its file, without its ending.
    """
    if data is None:
        return ()
    if isinstance(data, pd.DataFrame):
        return (write_table(data, folder, name),)
    if isinstance(data, Sequence) and not isinstance(data, str):
        return tuple(map(str, data))
    return (str(data),)
