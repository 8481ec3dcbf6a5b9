"""A class for each base: reading them from cells, and the symbols that represent them in the table."""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Form = Literal["symbols", "lists", "intervals"]
"""Notation of the classes of bases in a cell: `00001100`, `0;0;1`, or `10-12:donor;50-52:acceptor`."""
BASE_CLASSES = "base_classes"
"""Column of the table with one symbol per base of the sequence."""
SYMBOLS = string.digits + string.ascii_uppercase + string.ascii_lowercase
"""Symbols of the classes 0, 1, ... in that column."""
NO_CLASS = -1
"""Value in arrays beyond the end of a sequence."""
NOTHING = frozenset(["none", "-"])
"""Cells, in lower case, of rows without intervals."""
REST = "none"
"""Class of the bases outside all intervals."""
PART = ";"
INTERVAL = re.compile(r"\s*(\d{1,12})\s*-\s*(\d{1,12})\s*:\s*([^;:]*[^;:\s])\s*")
"""First base, counted from 0, the base after the last, and the class."""


class BaseCell(NamedTuple):
    """The classes read from a cell."""

    symbols: str
    """The class symbol of every base; empty if the cell cannot be read."""
    fault: str = ""
    """Why not."""


def read_cell(cell: str, form: Form, codes: Mapping[str, int], bases: int) -> BaseCell:
    """Return the classes of the bases of a row.

    Parameters
    ----------
    cell
        Cell with the label.
    form
        Notation of the label.
    codes
        Number of each class by name; in lower case for intervals and lists.
    bases
        Length of the sequence in bases.
    """
    if form == "intervals":
        return _of_intervals(cell, codes, bases)
    parts: Sequence[str] = cell
    if form == "lists":
        parts = [one.casefold() for one in parts_of(cell)]
    if len(parts) != bases:
        what = "symbols" if form == "symbols" else "classes"
        return BaseCell(
            "", f"the label has {len(parts):,} {what}, but the sequence has {bases:,} bases"
        )
    found = {part: SYMBOLS[codes[part]] for part in set(parts) if part in codes}
    unknown = next((part for part in parts if part not in found), None)
    if unknown is not None:
        return BaseCell("", f"the label contains {unknown[:40]!r}, which is not a class")
    return BaseCell("".join(map(found.__getitem__, parts)))


def parts_of(cell: str) -> list[str]:
    """Return the non-empty parts of a cell, without surrounding spaces."""
    return [part.strip() for part in cell.split(PART) if part.strip()]


def _of_intervals(cell: str, codes: Mapping[str, int], bases: int) -> BaseCell:
    found = np.full(bases, codes[REST], dtype=np.int8)
    taken = np.zeros(bases, dtype=bool)
    for part in [] if cell.casefold() in NOTHING else parts_of(cell):
        match = INTERVAL.fullmatch(part)
        if match is None:
            return BaseCell(
                "", f"{part[:40]!r} in the label is not an interval such as 10-12:donor"
            )
        start, end, name = int(match[1]), int(match[2]), match[3].casefold()
        if not start < end <= bases:
            return BaseCell(
                "",
                f"the interval {part[:40]!r} is outside the {bases:,} bases of the sequence",
            )
        if name not in codes:
            return BaseCell("", f"the label contains {name[:40]!r}, which is not a class")
        if (taken[start:end] & (found[start:end] != codes[name])).any():
            return BaseCell(
                "", f"the interval {part[:40]!r} overlaps an interval of another class"
            )
        found[start:end], taken[start:end] = codes[name], True
    return BaseCell(symbols_of(found))


def symbols_of(classes: NDArray[np.integer]) -> str:
    """Return class numbers, (bases,), as a string of symbols for the table.

    Examples
    --------
    >>> symbols_of(np.array([0, 0, 1, 10]))
    '001A'
    """
    return _LETTERS[classes].tobytes().decode("ascii")


def base_targets(column: pd.Series) -> NDArray[np.int8]:
    """Return the class numbers of every base, (rows, bases of the longest), -1 beyond the end of a row.

    Parameters
    ----------
    column
        Symbols written by :func:`symbols_of`.
    """
    lengths = column.str.len().to_numpy(np.int64)
    found = np.full((len(column), int(lengths.max(initial=0))), NO_CLASS, dtype=np.int8)
    known = np.arange(found.shape[1]) < lengths[:, None]
    joined = "".join(column).encode("ascii")
    found[known] = _NUMBERS[np.frombuffer(joined, dtype=np.uint8)]
    return found


def runs(classes: NDArray[np.integer]) -> list[tuple[int, int, int]]:
    """Return the runs of equal values of an array, (bases,), as first base, end (exclusive) and value.

    Examples
    --------
    >>> runs(np.array([0, 0, 2, 2, 1]))
    [(0, 2, 0), (2, 4, 2), (4, 5, 1)]
    """
    if not len(classes):
        return []
    cuts = [0, *(np.flatnonzero(np.diff(classes)) + 1).tolist(), len(classes)]
    return [(start, end, int(classes[start])) for start, end in itertools.pairwise(cuts)]


_LETTERS = np.frombuffer(SYMBOLS.encode("ascii"), dtype=np.uint8)
_NUMBERS = np.full(256, NO_CLASS, dtype=np.int8)
_NUMBERS[_LETTERS] = np.arange(len(SYMBOLS))
