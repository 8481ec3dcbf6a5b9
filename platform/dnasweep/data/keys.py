"""Names for data sets by their content: of what goes into one, and of what came out."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import pandas as pd

from dnasweep.config import content_key
from dnasweep.data.datasets import DatasetConfig
from dnasweep.data.sources import Source, find_all
from dnasweep.data.species import resolve
from dnasweep.data.table import COLUMNS
from dnasweep.errors import InputError
from dnasweep.formats.paths import check_readable, user_path

RECIPE = 4
"""Counts up when the same input and configuration would make another data set."""


def dataset_key(config: DatasetConfig) -> str:
    """Return 16 hex digits that name a data set: its configuration and the content of its files.

    Where files lie does not matter; what their names say (split, label, species, ids) does.

    Raises
    ------
    InputError
        For a file that does not exist.
    """
    settings = dataclasses.asdict(config)
    found = find_all(
        *(settings.pop(name) for name in ("data", "positives", "negatives")),
        species=resolve(config.species) if config.species else "",
        split_matters=config.split in ("auto", "given"),
    )
    files: dict[str, Any] = {
        "data": [
            [s.name, s.label, s.split, s.species, *_shots(s), file_digest(s.path)]
            for s in found.files
        ]
    }
    genome = settings.pop("genome")
    files["genome"] = None if genome is None else file_digest(user_path(genome), holds="genome")
    return content_key("dataset", RECIPE, settings, files)


def _shots(source: Source) -> list[int]:
    return [] if source.shots is None else [source.shots]


def digest(table: pd.DataFrame) -> str:
    """Return 16 hex digits that name the content of a table, row order included."""
    state = hashlib.sha256()
    for column in COLUMNS:
        state.update("\x1f".join(table[column].astype("str").fillna("")).encode())
        state.update(b"\x1e")
    return state.hexdigest()[:16]


def file_digest(path: Path, *, holds: str = "sequences") -> str:
    """Return the SHA-256 of a file's bytes; messages say what it `holds`.

    Raises
    ------
    InputError
        For what is no file, or cannot be read.
    """
    check_readable(path, holds=holds)
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            f"cannot be read: {error.strerror or error}", file=path, remedy="Check the path."
        ) from error
