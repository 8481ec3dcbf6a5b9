"""A file to read, with properties of its rows given by file and folder names."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from dnasweep.formats.content import file_digest


class Source(NamedTuple):
    """One file to read, and default properties of its rows."""

    path: Path
    """The file."""
    name: str = ""
    """Name without extensions, with folders if names would be equal otherwise; prefix of generated ids."""
    label: int | None = None
    """Label of its rows; None if the file must contain labels."""
    split: str = ""
    """Split of its rows."""
    species: str = ""
    """Species of its rows."""
    class_name: str = ""
    """Class name of its rows, if a file or folder is named after it and the file has no labels."""
    files: tuple[Path, ...] = ()
    """The files, if the path is a folder of files with one sequence each."""
    shots: int | None = None
    """Rows per class, if the file is one of several training sets named after their size."""
    sequences: Path | None = None
    """FASTA file with the sequences of the rows, if the file is a table that has none."""


class Sources(NamedTuple):
    """Files to read, and notes on how their names were interpreted."""

    files: list[Source]
    """The files, in order."""
    notes: list[str]
    """Sentences for the user."""


def source_digest(source: Source) -> str:
    """Return the SHA-256 of the contents of a source.

    Raises
    ------
    InputError
        For a file that cannot be read.
    """
    if source.sequences is not None:
        both = f"{file_digest(source.path)}\n{file_digest(source.sequences)}\n"
        return hashlib.sha256(both.encode()).hexdigest()
    if not source.files:
        return file_digest(source.path)
    state = hashlib.sha256()
    for file in source.files:
        state.update(f"{file.name}\0{file_digest(file)}\n".encode())
    return state.hexdigest()
