"""Columns that no accepted name explains: splits by another name, and what goes unread."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dnasweep.data.folders import PERHAPS, SPLIT_NAMES, name_parts
from dnasweep.data.table import SPLITS
from dnasweep.errors import InputError

_SPLITS = re.compile(
    r"(?:data_?|sub_?)?sets?|partition|(?:data_?)?splits?_?\w*|\w*_split|phase|usage"
)
_COUNTED = re.compile(r"(?:sub_?)?sets?|partition|splits?(?:_id)?")
_FOLDS = re.compile(r"(?:cv_?|k_?)?folds?(?:_?(?:id|no|nr|idx|index|num|number))?|cv|\w*_fold")
_AROUND = frozenset(["is", "in", "for", "used", "set", "data", "split", "row", "rows", "sample"])
_YES_OR_NO = frozenset(["0", "1", "0.0", "1.0", "true", "false", "yes", "no", "t", "f", "y", "n"])
_TELLING = re.compile(r"weight|label|class|target|score|group|is_|in_|^y$|fold|split|set$|strat")
_SHOWN = 10


class Unread(NamedTuple):
    """What the columns without an accepted name are."""

    split: int | None
    """The one that gives the splits, by its place."""
    notes: tuple[str, ...]
    """Sentences for the person who gave the file."""


def understand(
    frame: pd.DataFrame,
    others: Mapping[int, str],
    *,
    split_known: bool,
    split_matters: bool = True,
    file: Path,
) -> Unread:
    """Find the column that gives the splits, and tell which columns are not read.

    Parameters
    ----------
    frame
        Cells as text by the place of their column.
    others
        Names of the columns that no accepted name explains, by place.
    split_known
        Whether a column is named split.
    split_matters
        Whether rows are to be in the splits they are given in: without, nothing is refused.
    file
        Named in messages.

    Raises
    ------
    InputError
        Where two columns hold splits, or one that is named like splits holds other words as well.
    """
    values = {i: _values(frame[i]) for i in others}
    named = [] if split_known else [i for i in others if _are_splits(values[i], others[i])]
    if not split_matters:
        named = named[:1]
    if len(named) > 1:
        raise InputError(
            f"two columns hold splits: {' and '.join(others[i] for i in named[:2])}",
            file=file,
            row=1,
            remedy="Name the one that counts split.",
        )
    notes = []
    for i, name in others.items():
        told = "" if split_known or named else _perhaps(values[i], name)
        if told and split_matters:
            raise InputError(
                f"the column {name} may give the splits, and {told[:40]!r} in it is none of "
                "train, validation and test",
                file=file,
                row=1,
                remedy="Write train, validation and test there and name it split, or pass "
                "--split cluster or rename the column to have all rows split anew.",
            )
    if named:
        shown = ", ".join(sorted(values[named[0]] - {""}))
        notes.append(f"{file.name}: the column {others[named[0]]} gives the splits ({shown})")
    left = {i: name for i, name in others.items() if i not in named and name}
    folds = [n for i, n in left.items() if _FOLDS.fullmatch(n) and len(values[i] - {""}) > 1]
    if folds and split_matters and not (named or split_known):
        notes.append(
            f"{file.name}: the column {folds[0]} is not read: folds do not say which rows are "
            "train, validation and test; a column named split would"
        )
    if left:
        order = sorted(left.values(), key=lambda name: not _TELLING.search(name))
        more = ", ..." if len(order) > _SHOWN else ""
        names = ", ".join(name[:40] for name in order[:_SHOWN])
        notes.append(f"{file.name}: columns not read: {names}{more}")
    return Unread(named[0] if named else None, tuple(notes))


def _values(column: pd.Series) -> set[str]:
    return set(column.str.strip().str.lower().unique())


def _perhaps(values: set[str], name: str) -> str:
    """Return a value that makes a column look like splits in words of its own, "" where none does."""
    words = values - {""}
    if _SPLITS.fullmatch(name):
        # `training set` and `test1` as well, and 0, 1 and 2 where the name leaves little else.
        telling = {w for w in words if name_parts(w) & (SPLIT_NAMES.keys() | PERHAPS)}
        numbered = _COUNTED.fullmatch(name) and 1 < len(words) <= len(SPLITS)
        if telling or (numbered and all(map(str.isdecimal, words))):
            return min(words - SPLIT_NAMES.keys(), default="")
    # A column `is_test` or `holdout` of yes and no.
    about = {word for word in name_parts(name) if word not in _AROUND}
    if len(words) > 1 and about and about <= SPLIT_NAMES.keys() | PERHAPS and words <= _YES_OR_NO:
        return min(words)
    return ""


def _are_splits(values: set[str], name: str) -> bool:
    words = values - {""}
    if not words or not words <= SPLIT_NAMES.keys():
        return False
    return len({SPLIT_NAMES[word] for word in words}) > 1 or bool(_SPLITS.fullmatch(name))
