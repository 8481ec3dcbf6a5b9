"""Determine the kind of labels of a data set from all cells together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

import pandas as pd

from dnasweep.data.base_reading import read_base_labels
from dnasweep.data.column_names import NAMELESS, is_measurement
from dnasweep.data.label_cells import NUMBER, WHOLE, LabelReading, as_numbers, canonical
from dnasweep.data.label_notation import PART, check_notation
from dnasweep.data.label_sets import SEPARATORS, combination_of, listed, separator_of
from dnasweep.data.label_words import MISSING, is_yes_or_no, natural, positive_of
from dnasweep.data.labels import (
    CLASS_TASKS,
    MAX_CLASSES,
    NEGATIVE,
    POSITIVE,
    Labels,
    TaskChoice,
)
from dnasweep.data.several_labels import read_several
from dnasweep.errors import InputError
from dnasweep.formats.headers import canonical_name

FEW_NUMBERS = 20
"""Maximum number of different whole numbers that are read as classes even with gaps."""
FEW_LEVELS = 5
"""Maximum number of consecutive whole numbers starting at 0 that are classes in a column named
after a measurement."""
RARE = 0.1
"""Maximum fraction of rows whose deviating labels count as mistakes."""
_OR = " Pass --task regression if the labels are measurements."


def read_labels(
    text: pd.Series,
    *,
    task: TaskChoice = "auto",
    positive: str | None = None,
    required: bool = True,
    classes: Sequence[str] | None = None,
    columns: Sequence[str] = (),
    sequences: pd.Series | None = None,
) -> LabelReading:
    """Return how to read the labels of a data set.

    Whole numbers from 0 to 127 are classes, as are words. Two words, -1 and 1, TRUE and FALSE or any other
    two labels are the classes 0 and 1. Numbers with decimals, or with many different values, are
    measurements; so are counts in a column named after a measurement. One symbol or list item for each
    base of a sequence, or intervals, are classes of bases. Single cells that do not fit the others are
    found by :class:`LabelReading`.

    Parameters
    ----------
    text
        All cells of all files, stripped.
    task
        Task to learn, if it is not to be inferred from the labels.
    positive
        Which of two labels is class 1.
    required
        Whether labels must be of a known kind; otherwise labels of no known kind are ignored.
    classes
        Class names of the model that labels are compared with, if labels are not required.
    columns
        Names of the label columns, if known; the labels of several columns are joined by ; in each cell.
    sequences
        The sequence of each cell; None if unknown, in which case labels are of rows.

    Raises
    ------
    InputError
        For labels of no known kind, and a `positive` that does not occur among them.
    """
    if not required:
        return _as_far_as_known(text, classes)
    known = text[~text.str.lower().isin(MISSING)]
    if task in ("auto", "token"):
        own = None if sequences is None else sequences[known.index]
        of_bases = read_base_labels(
            known, own, asked=task == "token", columns=columns, positive=positive
        )
        if of_bases is not None:
            return of_bases
    check_notation(known)
    several = len(columns) > 1
    separator = PART if several else separator_of(known, share=RARE)
    if several or task == "multilabel" or (separator and task not in CLASS_TASKS):
        names = columns if several else ()
        return read_several(known, separator or SEPARATORS[0], task, names, positive)
    numeric = known.str.fullmatch(NUMBER)
    if task == "regression":
        return _measured(known[numeric], columns)
    if task == "auto" and (known.empty or 2 * numeric.sum() >= len(known)):
        numbers = known[numeric]
        if _are_measured(numbers, named=len(columns) == 1 and is_measurement(columns[0])):
            return _measured(numbers, columns)
        whole = numbers[numbers.str.fullmatch(WHOLE)]
        found = _classes(canonical(whole), whole, task, positive)
        return found if len(whole) == len(numbers) else found._replace(remedy=found.remedy + _OR)
    words = known if task != "auto" else known[~numeric]
    return _classes(canonical(words), words, task, positive)


def _as_far_as_known(text: pd.Series, classes: Sequence[str] | None) -> LabelReading:
    """Return how to read optional labels; by the class names of the model if it has any."""
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


def _are_measured(numbers: pd.Series, *, named: bool) -> bool:
    """Return whether numbers are measurements rather than classes; `named` if the column name says so."""
    whole = numbers.str.fullmatch(WHOLE)
    if (~whole).sum() >= max(3, RARE * len(numbers)):
        return True
    values = set(canonical(numbers[whole]).map(int))
    counted = values == set(range(len(values))) and len(values) <= MAX_CLASSES
    if named and len(values) > 2:
        return not counted or len(values) > FEW_LEVELS
    return len(values) > FEW_NUMBERS and not counted


def _measured(numbers: pd.Series, columns: Sequence[str]) -> LabelReading:
    """Return how to read measurements, named after their column if its name says what they are."""
    named = [name for name in columns if canonical_name(name) not in NAMELESS]
    values = as_numbers(numbers)
    span = f"from {values.min():.4g} to {values.max():.4g}" if len(values) else "of no row"
    return LabelReading(
        Labels(task="regression", names=(named[0] if named else "value",)),
        None,
        f"the labels are numbers {span}, learned by regression",
        "a finite number",
        "Write the measured value, as in -1.25; for classes pass --task multiclass.",
    )


def _classes(
    labels: pd.Series, spelled: pd.Series, task: TaskChoice, positive: str | None
) -> LabelReading:
    """Return how to read classes, from their canonical labels and spellings."""
    whole = bool(labels.str.fullmatch(r"-?\d+").all())
    found = labels.drop_duplicates().tolist()
    if whole and task == "auto" and set(found) != {"-1", "1"}:
        usual = [one for one in found if 0 <= int(one) < MAX_CLASSES]
        # A few deviating labels are mistakes; many are further classes.
        if (~labels.isin(usual)).sum() <= RARE * len(labels):
            found = usual
    found = sorted(found, key=natural)
    if task == "binary" and len(found) > 2:
        raise InputError(
            f"there are {len(found)} labels, but --task binary learns two: {listed(found)}",
            remedy="Leave out --task, or give rows of two classes.",
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
                f"--positive-label is {positive!r}, but there are {len(found)} classes",
                remedy="Leave it out: it says which of two classes is the positive one.",
            )
        return _several(found, names, whole)
    return _two(found, names, positive)


def _spelling(cells: pd.Series) -> str:
    """Return the most frequent spelling of a label; whole numbers without decimals."""
    most = str(cells.value_counts().index[0])
    return (
        canonical(pd.Series([most])).iloc[0] if pd.Series([most]).str.fullmatch(WHOLE)[0] else most
    )


def _several(found: Sequence[str], names: Mapping[str, str], whole: bool) -> LabelReading:
    shown = listed([names[one] for one in found])
    counts = whole and (
        list(found) != list(map(str, range(len(found)))) or len(found) > FEW_NUMBERS
    )
    learned = "; --task regression learns them as numbers" if counts else ""
    if both := combination_of(list(names.values())):
        learned += (
            f"; {both} is a class of its own: write ; between labels if a row may have several"
        )
    return LabelReading(
        Labels(task="multiclass", names=tuple(names[one] for one in found)),
        {one: number for number, one in enumerate(found)},
        f"the labels are {len(found)} classes: {shown}{learned}",
        f"one of the {len(found)} classes" if not whole else LabelReading().expected,
        "Write the class as in the other rows"
        + (", or pass --task multiclass to take every label as a class." if whole else "."),
    )


def _two(found: list[str], names: Mapping[str, str], positive: str | None) -> LabelReading:
    """Return how to read one or two classes."""
    chosen = None if positive is None else canonical(pd.Series([positive.strip()])).iloc[0]
    if chosen is not None and chosen not in found:
        raise InputError(
            f"--positive-label is {positive!r}, but no row has this label",
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
