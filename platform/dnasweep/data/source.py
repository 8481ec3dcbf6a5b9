"""A file to read, and what its name and its folder say about its rows."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from dnasweep.formats.content import file_digest


class Source(NamedTuple):
    """One file to read, and what holds for its rows unless they say otherwise."""

    path: Path
    """The file."""
    name: str = ""
    """Its name without endings, with folders where two would be the same; begins generated ids."""
    label: int | None = None
    """Label of its rows; None: the file must give labels."""
    split: str = ""
    """Split of its rows."""
    species: str = ""
    """Species of its rows."""
    class_name: str = ""
    """Class of its rows in words, where a file or folder is named after it and the file has no labels."""
    files: tuple[Path, ...] = ()
    """Where the path is a folder of files of one sequence each: these files."""
    shots: int | None = None
    """Rows per class, where the file is one of several training sets named after their size."""


class Sources(NamedTuple):
    """Files to read, and how their names were understood."""

    files: list[Source]
    """The files, in order."""
    notes: list[str]
    """Sentences for the user."""


def source_digest(source: Source) -> str:
    """Return the SHA-256 of what a source holds.

    Raises
    ------
    InputError
        For a file that cannot be read.
    """
    if not source.files:
        return file_digest(source.path)
    state = hashlib.sha256()
    for file in source.files:
        state.update(f"{file.name}\0{file_digest(file)}\n".encode())
    return state.hexdigest()
