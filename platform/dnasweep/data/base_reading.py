"""Decide whether the labels of a data set give each base a class, and how to read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from dnasweep.data.base_labels import (
    INTERVAL,
    NOTHING,
    PART,
    REST,
    SYMBOLS,
    Form,
    parts_of,
    read_cell,
)
from dnasweep.data.label_cells import LabelReading
from dnasweep.data.label_sets import listed
from dnasweep.data.label_words import natural
from dnasweep.data.labels import Labels, background_of
from dnasweep.errors import InputError

FEWEST_BASES = 8
"""Minimum length of sequences; a shorter one may match the length of its label by chance."""
MOST = 0.9
"""Fraction of rows that must agree before the others count as mistakes."""
FEW_CLASSES = 12
"""Maximum number of classes for which labels of bases are recognised without --task token."""
_DNA = frozenset("ACGTUNacgtun")
_EXAMPLES = (
    "Write one symbol per base (00001100), a list of one class per base, or intervals counted from 0, such "
    "as 10-12:donor;50-52:acceptor, or none if there are none."
)
_SAID: dict[Form, str] = {
    "symbols": "as one symbol per base",
    "lists": "as a list of one class per base",
    "intervals": "as intervals that count from 0 and exclude their end (10-12 are the bases 10 and 11)",
}


def read_base_labels(
    known: pd.Series,
    sequences: pd.Series | None,
    *,
    asked: bool,
    columns: Sequence[str] = (),
    positive: str | None = None,
) -> LabelReading | None:
    """Return how to read labels of bases; None if the labels are not of bases.

    Parameters
    ----------
    known
        The non-empty cells.
    sequences
        The sequence of each cell; None if unknown.
    asked
        Whether the user states that these are labels of bases. Otherwise they are recognised only if
        nearly every row has a class for each base, or intervals.
    columns
        Names of the columns of the labels, if known.
    positive
        Which of two labels is the positive class.

    Raises
    ------
    InputError
        If labels of bases are requested but are missing, have too many classes, or conflict with other
        options.
    """
    if sequences is None or known.empty or len(columns) > 1:
        if asked:
            raise InputError(
                "--task token learns a class for each base, but the labels are in several columns"
                if len(columns) > 1
                else "--task token learns a class for each base, but no row has a label",
                remedy="Name the one column with --label-column.",
            )
        return None
    widths = sequences.str.len()
    form = _form_of(known) if asked else _certain_form(known, sequences, widths)
    if form is None:
        return None
    if positive is not None:
        raise InputError(
            f"--positive-label is {positive!r}, but every base has a label",
            remedy="Leave it out: it says which of two classes of sequences is the positive one.",
        )
    spelled = _spellings(known, form)
    names = sorted(spelled, key=natural)
    if not 1 < len(names) <= len(SYMBOLS):
        raise InputError(
            f"the labels of the bases are {len(names)} different ones"
            + (f": {listed(names)}" if names else ""),
            remedy=f"Give 2 to {len(SYMBOLS)} classes. {_EXAMPLES}",
        )
    first = background_of([spelled[name] for name in names])
    names.sort(key=lambda name: spelled[name] != first)
    codes = {name: number for number, name in enumerate(names)}
    labels = Labels(task="token", names=tuple(spelled[name] for name in names))
    column = f"column `{columns[0]}` " if columns else "labels "
    return LabelReading(
        labels,
        codes,
        f"a class for each base: {_shares(known, form, codes, widths, labels)}; {column}{_SAID[form]}",
        "the classes of its bases",
        _EXAMPLES,
        form=form,
    )


def _form_of(known: pd.Series) -> Form:
    """Return the notation of most cells."""
    found = Counter(_forms(known))
    return found.most_common(1)[0][0] if found else "symbols"


def _forms(known: pd.Series) -> Iterator[Form]:
    for cell in known.head(1000):
        if _are_intervals(cell):
            yield "intervals"
        elif cell.casefold() not in NOTHING:
            yield "lists" if PART in cell else "symbols"


def _are_intervals(cell: str) -> bool:
    return bool(parts_of(cell)) and all(INTERVAL.fullmatch(part) for part in parts_of(cell))


def _certain_form(known: pd.Series, sequences: pd.Series, widths: pd.Series) -> Form | None:
    """Return the notation of the cells if it is unambiguous, otherwise None."""
    form = _form_of(known)
    if form == "intervals":
        rest = known[~known.str.casefold().isin(NOTHING)]
        return form if len(rest) and rest.map(_are_intervals).mean() >= MOST else None
    if int(widths.min()) < FEWEST_BASES or _are_class_names(known):
        return None
    counts = known.str.count(PART) + 1 if form == "lists" else known.str.len()
    fits = counts == widths
    if fits.mean() < MOST:
        return None
    classes = _spellings(known[fits], form)
    certain = 1 < len(classes) <= FEW_CLASSES and not set(classes) <= _DNA
    return form if certain else None


def _are_class_names(known: pd.Series) -> bool:
    """Return whether cells are a few repeated words, which may have the length of the sequences by chance.

    An example is `positive` and `negative` beside 8-mers.
    """
    words = known.unique()
    few = len(words) <= FEW_CLASSES and len(words) < len(known) / 2
    return few and all(word.isalpha() for word in words)


def _spellings(known: pd.Series, form: Form) -> dict[str, str]:
    """Return the most frequent spelling of every class, by its form for comparisons."""
    if form == "symbols":
        return {one: one for one in set().union(*known.map(set))}
    counts: dict[str, Counter[str]] = {}
    if form == "intervals":
        counts[REST] = Counter([REST])
    for cell in known:
        for part in [] if cell.casefold() in NOTHING else parts_of(cell):
            match = INTERVAL.fullmatch(part) if form == "intervals" else None
            name = part if form == "lists" else match[3] if match else ""
            if name:
                counts.setdefault(name.casefold(), Counter())[name] += 1
    return {one: spelled.most_common(1)[0][0] for one, spelled in counts.items()}


def _shares(
    known: pd.Series, form: Form, codes: Mapping[str, int], widths: pd.Series, labels: Labels
) -> str:
    """Return the classes with the percentage of bases of each, as text."""
    total: Counter[str] = Counter()
    for cell, width in zip(known, widths, strict=True):
        total.update(read_cell(cell, form, codes, int(width)).symbols)
    num = max(1, total.total())
    shares = [
        f"{name[:40]} ({_percent(total[SYMBOLS[code]] / num)})"
        for code, name in enumerate(labels.names[:FEW_CLASSES])
    ]
    return ", ".join(shares) + (", ..." if len(labels.names) > FEW_CLASSES else "")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 else f"{100 * share:.2g} %"
