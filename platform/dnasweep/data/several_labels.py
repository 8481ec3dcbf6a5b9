"""Several labels per row (sets of words, flags or numbers), and one-hot rows, which have one label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.data.label_cells import LabelReading, canonical
from dnasweep.data.label_sets import listed, numbers_each, rows_of_numbers, words_in
from dnasweep.data.label_words import natural, positive_of
from dnasweep.data.labels import MAX_CLASSES, ZERO_AND_ONE, Labels, TaskChoice, TaskName
from dnasweep.errors import InputError


def read_several(
    text: pd.Series,
    separator: str,
    task: TaskChoice,
    columns: Sequence[str] = (),
    positive: str | None = None,
) -> LabelReading:
    """Return how to read cells of several labels or several numbers.

    Parameters
    ----------
    text
        The non-empty cells.
    separator
        Separator between their labels.
    task
        Task to learn, if it is not to be inferred from the labels.
    columns
        Names of the columns joined into the cells; empty if they are one column of the file.
    positive
        Which of two columns is the positive class, if each row has a 1 in one of them.

    Raises
    ------
    InputError
        For too many different words, columns that are not numeric, and a task or a positive class that
        does not fit such labels.
    """
    each = numbers_each(text, separator)
    if columns and each != len(columns):
        raise InputError(
            f"the columns {listed(columns)} are read as labels of one row, but do not all contain "
            "numbers, or TRUE and FALSE",
            remedy="Name the one to learn with --label-column.",
        )
    if each > 1:
        return _numbers(text, separator, task, columns, each, positive)
    _refuse_other(task, "words", positive)
    words = words_in(text, separator)
    found = sorted(words, key=natural)
    if len(found) > MAX_CLASSES or not found:
        raise InputError(
            f"the labels of {len(text):,} rows are {len(found):,} different ones: {listed(found)}",
            remedy=f"Give 1 to {MAX_CLASSES} labels, with several rows each.",
        )
    names = tuple(words[one] for one in found)
    return LabelReading(
        Labels(task="multilabel", names=names),
        {one: number for number, one in enumerate(found)},
        f"a row may have several of {len(found)} labels: {listed(names)}",
        f"one or more of the labels with {separator} between them",
        "Write them as in the other rows, or none if there are none.",
        separator,
    )


def _numbers(
    text: pd.Series,
    separator: str,
    task: TaskChoice,
    columns: Sequence[str],
    each: int,
    positive: str | None,
) -> LabelReading:
    values = rows_of_numbers(text, separator, each)
    values = values[np.isfinite(values).all(axis=1)]
    flags = bool(np.isin(values, (0, 1)).all())
    if flags and task not in ("multilabel", "regression") and _is_one_hot(values):
        return _one_hot(text, separator, columns, each, positive)
    _refuse_other(task, "flags" if flags else "numbers", positive)
    names = tuple(columns) or tuple(map(str, range(1, each + 1)))
    return LabelReading(
        Labels(task="multilabel" if flags and task != "regression" else "regression", names=names),
        None,
        f"the labels are {each} {'labels, each 0 or 1,' if flags else 'numbers'} per row"
        + (f": {listed(columns)}" if columns else ""),
        f"{each} numbers with {separator} between them",
        "Write them as in the other rows.",
        separator,
    )


def _refuse_other(task: TaskChoice, held: str, positive: str | None) -> None:
    """Refuse a task that does not fit rows of several words, flags or numbers."""
    fitting = {
        "words": ("auto", "multilabel"),
        "flags": ("auto", "multilabel", "regression"),
        "numbers": ("auto", "regression"),
    }
    if task not in fitting[held]:
        raise InputError(
            f"--task is {task}, but rows have several labels ({held})", remedy="Leave --task out."
        )
    if positive is not None:
        raise InputError(
            f"--positive-label is {positive!r}, but rows have several labels",
            remedy="Leave it out: it says which of two classes is the positive one.",
        )


def _is_one_hot(values: NDArray[np.float64]) -> bool:
    """Return whether each row contains exactly one 1, and each position has a 1 in some row."""
    return len(values) > 0 and bool((values.sum(axis=1) == 1).all() and values.any(axis=0).all())


def _one_hot(
    text: pd.Series, separator: str, columns: Sequence[str], each: int, positive: str | None
) -> LabelReading:
    """Return how to read one-hot rows: as the class whose position or column contains the 1."""
    names = tuple(columns) or tuple(map(str, range(each)))
    places = list(range(each))
    if each == 2:
        lower = [name.casefold() for name in names]
        chosen = lower[1] if positive is None else positive.strip().casefold()
        if positive is None and columns:
            chosen = positive_of(lower) or chosen
        if chosen not in lower:
            raise InputError(
                f"--positive-label is {positive!r}, but no row has this label",
                remedy=f"Use one of {listed(names)}.",
            )
        places.sort(key=lambda place: lower[place] == chosen)
    elif positive is not None:
        _refuse_other("auto", "flags", positive)
    classes = tuple(names[place] for place in places)
    cells = canonical(text).drop_duplicates()
    values = rows_of_numbers(cells, separator, each)
    known = np.isfinite(values).all(axis=1)
    task: TaskName = "binary" if each == 2 else "multiclass"
    return LabelReading(
        ZERO_AND_ONE if classes == ("0", "1") else Labels(task=task, names=classes),
        {
            cell: places.index(int(row.argmax()))
            for cell, row in zip(cells[known], values[known], strict=True)
        },
        f"each row has one of {each} labels (one-hot): {listed(classes)} are the classes 0 to {each - 1}",
        f"{each} numbers, one of them 1, with {separator} between them",
        "Write them as in the other rows.",
    )
