"""Sequences and tables of other libraries, such as Biopython and pyarrow, as text and pandas objects."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dnasweep.data.table import IUPAC
from dnasweep.errors import InputError

_FORMS = "Give a list of strings, a pandas column, a table, or the path of a file."
_TABLE = "Give paths of files, or a table: pandas.DataFrame({'sequence': ..., 'label': ...})."
_BASES = re.compile(f"[{IUPAC}U]{{12,}}", re.IGNORECASE)
"""Text that is taken for a sequence where paths are expected."""


def as_pandas(given: Any) -> Any:
    """Return a table or column of pyarrow, polars or datasets as pandas; anything else as it is.

    Raises
    ------
    InputError
        For an open file, which could have been read to any place.
    """
    if hasattr(given, "read"):
        raise InputError("an open file is given", remedy="Give its path.")
    return given.to_pandas() if callable(getattr(given, "to_pandas", None)) else given


def is_one_sequence(given: Any) -> bool:
    """Return whether an object is one sequence: text, or one of Biopython, pysam, pyfaidx or scikit-bio."""
    if isinstance(given, str | bytes):
        return True
    marks = ("reverse_complement", "seq", "sequence")
    if isinstance(given, pd.DataFrame | pd.Series | dict):
        return False
    return any(hasattr(given, mark) for mark in marks) or type(given).__name__ == "FastaRecord"


def as_text(column: pd.Series, file: str) -> pd.Series:
    """Return a column of sequences as text, with the ids of records as its index if all of them have one.

    Parameters
    ----------
    column
        Text, bytes, missing values, or objects of one sequence each.
    file
        Name of the column's origin, for messages.

    Raises
    ------
    InputError
        For the first item that is a list or another collection.
    """
    texts = [_text(item, row, file) for row, item in enumerate(column, start=1)]
    names = [_name(item) for item in column]
    index = pd.Index(names) if names and all(names) else column.index
    return pd.Series(texts, index=index, dtype=object)


def check_paths(given: Any) -> list[str]:
    """Return the paths in `given`, which is one path or several.

    Raises
    ------
    InputError
        For anything else, such as the sequences themselves.
    """
    one = isinstance(given, str | os.PathLike)
    if not one and not isinstance(given, Sequence):
        raise InputError(f"the data are of type {type(given).__name__}", remedy=_TABLE)
    for item in [given] if one else given:
        if not isinstance(item, str | os.PathLike):
            kind = type(item).__name__
            raise InputError(f"the data contain {kind}, not the path of a file", remedy=_TABLE)
        text = os.fspath(item)
        if _BASES.fullmatch(text) and not os.path.exists(text):
            raise InputError(
                f"{text[:12]}... is a sequence, not the path of a file", remedy=_TABLE
            )
    return [os.fspath(item) for item in ([given] if one else given)]


def _text(item: Any, row: int, file: str) -> Any:
    if isinstance(item, str):
        return item
    if isinstance(item, bytes):
        return item.decode("latin-1")
    if isinstance(item, list | tuple | dict | set | np.ndarray | pd.Series):
        raise InputError(
            f"the sequence is a {type(item).__name__}, not text", file=file, row=row, remedy=_FORMS
        )
    for mark in ("seq", "sequence"):
        if (found := getattr(item, mark, None)) is not None:
            item = found
            break
    try:
        return item if item is None or isinstance(item, float) else str(item)
    except ValueError as error:
        # Biopython knows the length of some sequences, but not their bases.
        raise InputError(
            f"the sequence cannot be read: {error}", file=file, row=row, remedy=_FORMS
        ) from error


def _name(item: Any) -> str:
    """Return the id of a record; "" if it has none."""
    for mark in ("id", "name"):
        found = getattr(item, mark, None)
        if isinstance(found, str) and found and not found.startswith("<unknown "):
            return found
    return ""
