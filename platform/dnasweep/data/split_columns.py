"""Find the column of a table that gives the splits, and columns that only look like splits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from dnasweep.data.names import SPLIT_NAMES, UNCERTAIN_SPLIT_NAMES, split_meant, words_of
from dnasweep.data.table import SPLITS
from dnasweep.errors import InputError

# Names of columns that may give splits, as words, as numbers, or as folds of a cross-validation.
_SPLITS = re.compile(
    r"(?:data_?|sub_?)?sets?|partition|(?:data_?)?splits?_?\w*|\w*_split|phase|usage"
)
_NUMBERED = re.compile(r"(?:sub_?)?sets?|partition|splits?(?:_id)?")
_FOLDS = re.compile(r"(?:cv_?|k_?)?folds?(?:_?(?:id|no|nr|idx|index|num|number))?|cv|\w*_fold")
_FILLERS = frozenset(["is", "in", "for", "used", "set", "data", "split", "row", "rows", "sample"])
_YES_OR_NO = frozenset(["0", "1", "0.0", "1.0", "true", "false", "yes", "no", "t", "f", "y", "n"])


_SPLIT_ANEW = (
    "Write train, validation and test there and name it split, or pass --split cluster or rename the "
    "column to have all rows split anew."
)
_MISTAKES = 0.1
"""Maximum fraction of rows for which an invalid split counts as an error of the row."""


def plain_splits(column: pd.Series) -> pd.Series:
    """Return cells as `train`, `validation` or `test` if they name a split, otherwise unchanged.

    Parameters
    ----------
    column
        Cells as text; not changed.
    """
    cells = column.str.strip().str.lower()
    return cells.map({cell: split_meant(cell) or cell for cell in cells.unique()}).astype("str")


def is_readable(
    column: pd.Series, name: str, *, split_matters: bool, file: Path, row: int | None
) -> bool:
    """Return whether a column named split, or named by the user, gives splits.

    Parameters
    ----------
    column
        Cells of the column.
    name
        Name of the column, for the message.
    split_matters
        Whether rows keep their given splits; otherwise nothing is refused.
    file, row
        File and row of the header, for messages.

    Raises
    ------
    InputError
        If splits matter and too many rows contain another word.
    """
    cells = plain_splits(column)
    wrong = ~cells.isin([*SPLITS, ""])
    if split_matters and wrong.mean() > _MISTAKES:
        raise InputError(
            f"the column {name} contains {cells[wrong].iloc[0][:40]!r}, which is not train, "
            "validation or test",
            file=file,
            row=row,
            remedy="Write these there, or pass --split cluster to have all rows split anew.",
        )
    return split_matters or not wrong.any()


def find_split(
    others: Mapping[int, str],
    values: Mapping[int, set[str]],
    *,
    split_matters: bool,
    file: Path,
    row: int | None,
) -> int | None:
    """Return the column that gives the splits among those without an accepted name, None if none does.

    Parameters
    ----------
    others
        Names of the columns.
    values
        Values of the columns, in lower case.
    split_matters
        Whether rows keep their given splits; otherwise nothing is refused.
    file, row
        File and row of the header, for messages.

    Raises
    ------
    InputError
        If it is not clear which column gives the splits.
    """
    found = [i for i in others if _are_splits(values[i], others[i])]
    if not split_matters:
        return found[0] if found else None
    if len(found) > 1:
        raise InputError(
            f"two columns contain splits: {' and '.join(others[i] for i in found[:2])}",
            file=file,
            row=row,
            remedy="Choose one with --split-column.",
        )
    if found:
        return found[0]
    for i, name in others.items():
        if value := _unclear_split(values[i], name):
            raise InputError(
                f"the column {name} may give the splits, but its value {value[:40]!r} is not "
                "train, validation or test",
                file=file,
                row=row,
                remedy=_SPLIT_ANEW,
            )
    return None


def may_be_split(name: str) -> bool:
    """Return whether a column with this name may give splits or folds."""
    return bool(_SPLITS.fullmatch(name) or _FOLDS.fullmatch(name) or _is_about_a_split(name))


def _is_about_a_split(name: str) -> bool:
    """Return whether a name is about a single split, such as `is_test`, `holdout` or `testset`."""
    names = SPLIT_NAMES.keys() | UNCERTAIN_SPLIT_NAMES
    words = words_of(name) - _FILLERS
    if words and words <= names:
        return True
    # A compound is one word, such as testset.
    about = [one for one in re.split(r"[_\W]+", name) if one and one not in _FILLERS]
    return bool(about) and all(words_of(one) & names for one in about)


def folds_among(others: Mapping[int, str], values: Mapping[int, set[str]]) -> list[int]:
    """Return the columns that number the folds of a cross-validation.

    Parameters
    ----------
    others
        Names of columns.
    values
        Values of the columns.
    """
    return [
        i
        for i, name in others.items()
        if len(words := values[i] - {""}) > 1
        and (_FOLDS.fullmatch(name) or (_NUMBERED.fullmatch(name) and _are_numbers(words)))
    ]


def _are_numbers(words: set[str]) -> bool:
    return all(map(str.isdecimal, words))


def _are_splits(values: set[str], name: str) -> bool:
    words = values - {""}
    named = bool(_SPLITS.fullmatch(name))
    # Words such as `training set` and `tst` count only if the column is named after splits.
    meant = {split_meant(word) if named else SPLIT_NAMES.get(word, "") for word in words}
    return bool(words) and "" not in meant and (named or len(meant) > 1)


def _unclear_split(values: set[str], name: str) -> str:
    """Return a value of a column that looks like splits in other notations, "" if it does not."""
    words = values - {""}
    names = SPLIT_NAMES.keys() | UNCERTAIN_SPLIT_NAMES
    if _SPLITS.fullmatch(name):
        # Also `training set` and `test1`, and 0, 1 and 2 if the name suggests splits.
        numbered = _NUMBERED.fullmatch(name) and 1 < len(words) <= len(SPLITS)
        if any(words_of(w) & names for w in words) or (
            numbered and all(map(str.isdecimal, words))
        ):
            return min(words - SPLIT_NAMES.keys(), default="")
    # A column `is_test` or `holdout` with yes and no.
    if len(words) > 1 and _is_about_a_split(name) and words <= _YES_OR_NO:
        return min(words)
    return ""
