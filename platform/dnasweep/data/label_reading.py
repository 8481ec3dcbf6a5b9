"""Which kind of labels a data set has, seen from all cells together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

import numpy as np
import pandas as pd

from dnasweep.data.label_cells import NUMBER, WHOLE, LabelReading, as_numbers, canonical
from dnasweep.data.label_sets import (
    SEPARATORS,
    listed,
    numbers_each,
    rows_of_numbers,
    separator_of,
    words_in,
)
from dnasweep.data.label_words import MISSING, is_yes_or_no, natural, positive_of
from dnasweep.data.labels import (
    MAX_CLASSES,
    NEGATIVE,
    POSITIVE,
    Labels,
    TaskChoice,
    TaskName,
)
from dnasweep.errors import InputError

_COMMA = r"[+-]?\d*,\d+"
FEW_NUMBERS = 20
"""Different whole numbers up to which they are taken for classes, even with gaps."""
RARE = 0.1
"""Share of rows up to which labels that fit no others are mistakes."""


def read_labels(
    text: pd.Series,
    *,
    task: TaskChoice = "auto",
    positive: str | None = None,
    required: bool = True,
    classes: Sequence[str] | None = None,
) -> LabelReading:
    """Return how the labels of a data set are to be read.

    Whole numbers from 0 to 127 are classes; so are words. Two words, -1 and 1, TRUE and FALSE or any
    other two are the classes 0 and 1. Numbers with decimals, and many different ones, are measurements.
    Single cells that do not fit the others are for :class:`LabelReading` to find.

    Parameters
    ----------
    text
        All cells of all files, stripped.
    task
        What to learn, where it is not to be found out.
    positive
        Which of two labels is class 1.
    required
        Whether labels have to be of some kind; otherwise those that are of none are not read.
    classes
        Where labels are not required: names of the classes of the model that they are compared with.

    Raises
    ------
    InputError
        For labels that are of no kind, and a `positive` that is none of them.
    """
    if not required:
        return _as_far_as_known(text, classes)
    known = text[~text.str.lower().isin(MISSING)]
    if len(known) and known.str.fullmatch(_COMMA).mean() >= 0.5:
        raise InputError(
            f"the labels are numbers with a decimal comma, such as {known.iloc[0]}",
            remedy="Write them with a point, as in 0.5.",
        )
    separator = separator_of(known, share=RARE)
    if task == "multilabel" or (separator and task != "multiclass"):
        return _several_in_a_cell(known, separator or SEPARATORS[0], task)
    numeric = known.str.fullmatch(NUMBER)
    if task == "regression":
        return _measured(known[numeric])
    if task == "auto" and (known.empty or 2 * numeric.sum() >= len(known)):
        numbers = known[numeric]
        if _are_measured(numbers):
            return _measured(numbers)
        whole = numbers[numbers.str.fullmatch(WHOLE)]
        return _classes(canonical(whole), whole, task, positive)
    words = known if task != "auto" else known[~numeric]
    return _classes(canonical(words), words, task, positive)


def _as_far_as_known(text: pd.Series, classes: Sequence[str] | None) -> LabelReading:
    """Return how labels are read that nothing depends on: of a model with classes, by their names."""
    named = dict(zip(canonical(pd.Series(classes or (), dtype="str")), count(), strict=False))
    known = canonical(text[~text.str.lower().isin(MISSING)])
    if named and (known.isin(list(named)).all() or len(named) > 2):
        return LabelReading(codes=named)
    try:
        found = read_labels(text)
    except InputError:
        return LabelReading(codes={})
    several = classes is not None and found.labels.task != "binary"
    return LabelReading(codes={}) if found.labels.columns or several else found


def _several_in_a_cell(text: pd.Series, separator: str, task: TaskChoice) -> LabelReading:
    """Return how cells of several labels, or of several numbers, are read."""
    each = numbers_each(text, separator)
    if each > 1:
        names = tuple(map(str, range(1, each + 1)))
        values = rows_of_numbers(text, separator, each)
        flags = bool(np.isin(values[np.isfinite(values).all(axis=1)], (0, 1)).all())
        kind: TaskName = "multilabel" if flags and task != "regression" else "regression"
        return LabelReading(
            Labels(task=kind, names=names),
            None,
            f"the labels are {each} {'labels, each 0 or 1,' if flags else 'numbers'} a row",
            f"{each} numbers with {separator} between them",
            "Write them as in the other rows.",
            separator,
        )
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
        "Write them as in the other rows, and none where there is none.",
        separator,
    )


def _are_measured(numbers: pd.Series) -> bool:
    """Return whether numbers are measurements and no classes."""
    whole = numbers.str.fullmatch(WHOLE)
    if (~whole).sum() >= max(3, RARE * len(numbers)):
        return True
    values = set(canonical(numbers[whole]).map(int))
    counted = values == set(range(len(values))) and len(values) <= MAX_CLASSES
    return len(values) > FEW_NUMBERS and not counted


def _measured(numbers: pd.Series) -> LabelReading:
    values = as_numbers(numbers)
    span = f"from {values.min():.4g} to {values.max():.4g}" if len(values) else "of no row"
    return LabelReading(
        Labels(task="regression", names=("value",)),
        None,
        f"the labels are numbers {span}, learned by regression",
        "a finite number",
        "Write the measured value, as in -1.25; for classes pass --task multiclass.",
    )


def _classes(
    labels: pd.Series, spelled: pd.Series, task: TaskChoice, positive: str | None
) -> LabelReading:
    """Return how classes are read, from their canonical labels and how those are spelled."""
    whole = bool(labels.str.fullmatch(r"-?\d+").all())
    found = labels.drop_duplicates().tolist()
    if whole and task == "auto" and set(found) != {"-1", "1"}:
        usual = [one for one in found if 0 <= int(one) < MAX_CLASSES]
        # A few others are mistakes; many are classes too.
        if (~labels.isin(usual)).sum() <= RARE * len(labels):
            found = usual
    found = sorted(found, key=natural)
    if task == "binary" and len(found) > 2:
        raise InputError(
            f"there are {len(found)} labels, and --task binary learns two: {listed(found)}",
            remedy="Leave --task out, or give rows of two classes.",
        )
    many = not whole and len(found) > FEW_NUMBERS and 2 * len(found) > len(labels)
    if len(found) > MAX_CLASSES or many:
        raise InputError(
            f"the labels of {len(labels):,} rows are {len(found):,} different ones: "
            f"{listed(found)}",
            remedy=f"Give at most {MAX_CLASSES} classes, with several rows each.",
        )
    names = {one: _spelling(spelled[labels == one]) for one in found}
    if len(found) > 2:
        if positive is not None:
            raise InputError(
                f"--positive-label is {positive!r}, and there are {len(found)} classes",
                remedy="Leave it out: it says which of two classes is the positive one.",
            )
        return _several(found, names, whole)
    return _two(found, names, positive)


def _spelling(cells: pd.Series) -> str:
    """Return a label as most of its rows write it; whole numbers without decimals."""
    most = str(cells.value_counts().index[0])
    return (
        canonical(pd.Series([most])).iloc[0] if pd.Series([most]).str.fullmatch(WHOLE)[0] else most
    )


def _several(found: Sequence[str], names: Mapping[str, str], whole: bool) -> LabelReading:
    shown = listed([names[one] for one in found])
    return LabelReading(
        Labels(task="multiclass", names=tuple(names[one] for one in found)),
        {one: number for number, one in enumerate(found)},
        f"the labels are {len(found)} classes: {shown}",
        f"one of the {len(found)} classes" if not whole else LabelReading().expected,
        "Write the class as in the other rows"
        + (", or pass --task multiclass to take every label as a class." if whole else "."),
    )


def _two(found: list[str], names: Mapping[str, str], positive: str | None) -> LabelReading:
    """Return how at most two classes are read."""
    chosen = None if positive is None else canonical(pd.Series([positive.strip()])).iloc[0]
    if chosen is not None and chosen not in found:
        raise InputError(
            f"--positive-label is {positive!r}, and no row has this label",
            remedy=f"Use one of {listed([names[one] for one in found]) or '0 and 1'}.",
        )
    if set(found) <= {"0", "1"} and chosen in (None, "1"):
        return LabelReading(Labels(), {"0": 0, "1": 1})
    if len(found) == 1:
        only = found[0]
        number = 0 if chosen is None and _negative(only) else 1
        told = NEGATIVE if number else POSITIVE
        pair = (told, names[only]) if number else (names[only], told)
        note = f"the label {names[only]} is read as class {number}"
        return LabelReading(Labels(names=pair), {only: number}, note)
    plain = is_yes_or_no(found) or set(found) == {"-1", "1"}
    clear = chosen or ("1" if "1" in found and "-1" in found else positive_of(found))
    one = clear or found[1]
    other = found[0] if one == found[1] else found[1]
    pair = (NEGATIVE, POSITIVE) if plain else (names[other], names[one])
    note = f"the labels {names[other]} and {names[one]} are read as the classes 0 and 1"
    if clear is None:
        note += f", by their names; --positive-label {names[other]} exchanges them"
    return LabelReading(
        Labels(names=pair),
        {other: 0, one: 1},
        note,
        f"{names[other]} or {names[one]}",
        "Write the class as in the other rows.",
    )


def _negative(label: str) -> bool:
    return positive_of([label, "\0"]) == "\0"
