"""Write data given in memory to files, for commands that read files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from dnasweep.api.foreign_objects import as_pandas, check_paths
from dnasweep.api.sequences import GIVEN, Sequences, label_texts, paths_of, read_given
from dnasweep.errors import InputError


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a temporary folder, and name tables in it in errors as the caller knows them.

    Raises
    ------
    InputError
        As the code inside; for a file of this folder, with the name of the table and its row counted from 1.
    """
    with tempfile.TemporaryDirectory(prefix="dnasweep-") as folder:
        try:
            yield Path(folder)
        except InputError as error:
            if error.file is None or Path(error.file).parent != Path(folder):
                raise
            raise InputError(
                error.reason,
                file=f"the table {Path(error.file).stem}",
                # The file has a header, the table in memory has none.
                row=None if error.row in (None, 1) else error.row - 1,
                remedy=error.remedy,
            ) from error


def files_of(sequences: Sequences, folder: Path) -> tuple[str, ...]:
    """Return the paths of sequence files; sequences in memory are written into a folder first.

    Parameters
    ----------
    sequences
        Sequences in any accepted form.
    folder
        Folder to write to.
    """
    sequences = as_pandas(sequences)
    if (paths := paths_of(sequences)) is not None:
        return tuple(map(str, paths))
    table = read_given(sequences).table[["id", "sequence", "species"]]
    # Labels are written as given: which number a word has depends on the model that it is read for.
    if isinstance(sequences, pd.DataFrame) and (labels := label_texts(sequences)).any():
        table.insert(2, "label", labels)
    return (write_table(table, folder, GIVEN),)


def write_table(table: pd.DataFrame, folder: Path, name: str) -> str:
    """Write a table as TSV into a folder and return its path.

    Parameters
    ----------
    table
        Table to write.
    folder
        Folder to write to; created if it does not exist.
    name
        File name without its extension.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.tsv"
    # Not `write_csv`: it would change ids and classes such as @SRR1 or +ve, and no spreadsheet reads this file.
    table.to_csv(path, sep="\t", index=False, errors="backslashreplace")
    return str(path)


def data_of(data: Any, folder: Path, *, name: str = "data") -> tuple[str, ...]:
    """Return the paths of data files; a table is written into a folder first.

    Parameters
    ----------
    data
        Paths, a table, or None.
    folder
        Folder that a table is written to.
    name
        Name of the table's file, without its extension.

    Raises
    ------
    InputError
        For anything else, such as a list of sequences.
    """
    data = as_pandas(data)
    if data is None:
        return ()
    if isinstance(data, pd.DataFrame):
        return (write_table(data, folder, name),)
    return tuple(check_paths(data))
