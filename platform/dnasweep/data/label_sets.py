"""Cells with several labels: sets of words such as `a;b`, and rows of numbers such as `0.3;1.2`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

SEPARATORS, COMMA = ";|", ","
MOST = 0.9
"""Fraction of cells that must have the same form."""
EMPTY = frozenset(["none", "-"])
"""Cells, in lower case, that mean an empty set of labels."""


def separator_of(text: pd.Series, *, share: float) -> str:
    """Return the separator of labels, empty if fewer than `share` of the cells have several labels.

    A comma is a separator only if the same few labels recur in different combinations.
    """
    for separator in (*SEPARATORS, COMMA):
        several = text.str.contains(separator, regex=False)
        if len(text) and several.mean() >= share and (separator != COMMA or _recur(text)):
            return separator
    return ""


def _recur(text: pd.Series) -> bool:
    """Return whether cells combine labels that each recur, fewer labels than there are cells.

    Otherwise a comma may be part of a class name.
    """
    cells = [set(parts) for parts in parts_of(text.drop_duplicates(), COMMA)]
    counts = Counter(part for parts in cells for part in parts if part.casefold() not in EMPTY)
    return len(counts) < len(cells) and min(counts.values(), default=0) > 1


def parts_of(text: pd.Series, separator: str) -> pd.Series:
    """Return the labels of each cell as a list, without surrounding spaces and empty parts."""
    return text.str.split(separator, regex=False).map(
        lambda parts: [part.strip() for part in parts if part.strip()]
    )


def words_in(text: pd.Series, separator: str) -> dict[str, str]:
    """Return the most frequent spelling of every label, by its lower-case form."""
    spelled: dict[str, Counter[str]] = {}
    for parts in parts_of(text, separator):
        for part in parts:
            spelled.setdefault(part.casefold(), Counter())[part] += 1
    return {
        one: counts.most_common(1)[0][0] for one, counts in spelled.items() if one not in EMPTY
    }


def sets_of(text: pd.Series, separator: str, codes: Mapping[str, int]) -> np.ndarray:
    """Return which labels each cell has, (rows, labels), 0 or 1; nan in rows with an unknown label.

    Parameters
    ----------
    text
        The cells.
    separator
        Separator between their labels.
    codes
        Number of each label, in lower case.
    """
    found = np.zeros((len(text), len(codes)))
    for row, parts in enumerate(parts_of(text, separator)):
        names = [part.casefold() for part in parts if part.casefold() not in EMPTY]
        if not parts or any(name not in codes for name in names):
            found[row] = np.nan
        else:
            found[row, [codes[name] for name in names]] = 1
    return found


def rows_of_numbers(text: pd.Series, separator: str, num: int) -> np.ndarray:
    """Return the numbers of each cell, (rows, num); nan in rows with another number of values.

    Parameters
    ----------
    text
        The cells.
    separator
        Separator between their numbers.
    num
        Number of values per cell.
    """
    found = np.full((len(text), num), np.nan)
    for row, parts in enumerate(parts_of(text, separator)):
        numbers = pd.to_numeric(pd.Series(parts, dtype="object"), errors="coerce").to_numpy(float)
        if len(parts) == num and np.isfinite(numbers).all():
            found[row] = numbers
    return found


def numbers_each(text: pd.Series, separator: str) -> int:
    """Return the number of values in nearly all cells, 0 if it differs between cells."""
    lengths: Counter[int] = Counter()
    for parts in parts_of(text, separator):
        numeric = pd.to_numeric(pd.Series(parts, dtype="object"), errors="coerce").notna().all()
        lengths[len(parts) if numeric else 0] += 1
    each, num = lengths.most_common(1)[0] if lengths else (0, 0)
    return each if num >= MOST * len(text) else 0


def listed(names: Sequence[str], shown: int = 12) -> str:
    """Return names for a message: at most `shown`, each truncated."""
    return ", ".join(name[:40] for name in names[:shown]) + (", ..." if len(names) > shown else "")


def combination_of(names: Sequence[str]) -> str:
    """Return a name that consists of other names, joined by a sign that separates no labels; "" if there is none.

    Examples
    --------
    >>> combination_of(["CTCF", "CTCF+H3K27ac", "H3K27ac"])
    'CTCF+H3K27ac'
    >>> combination_of(["A", "A/B"])
    ''
    """
    known = {name.casefold() for name in names}
    for name in names:
        for parts in map(name.casefold().split, ("+", "/", "&", None)):
            if len(parts) > 1 and known.issuperset(part.strip() for part in parts):
                return name
    return ""
