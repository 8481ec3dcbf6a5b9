"""Columns of tables: which is the sequence, the label, the split, and which go unread."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dnasweep.data.column_names import (
    ACCEPTED,
    MEANING,
    OPTIONS,
    SEQUENCE_NAMES,
    ColumnNames,
    may_be_label,
)
from dnasweep.data.split_columns import find_split, folds_among, may_be_split
from dnasweep.errors import InputError
from dnasweep.formats.delimited import Cells
from dnasweep.formats.headers import canonical_name

_BASES = re.compile(r"[ACGTUN ]{6,}|[ACGTRYSWKMBDHVNU]{12,}", re.IGNORECASE)
_SEQUENCE = r"(?i)[ACGTRYSWKMBDHVNU\s]{6,}"
_LOOKED_AT = 200
_SHARE_OF_DNA = 0.9
# Unread columns that a user would miss first.
_TELLING = re.compile(
    r"weight|label|class|target|score|group|is_|in_|^y$|fold|split|set$|strat|seq|dna"
)
_SHOWN = 10
_COORDINATES = frozenset(["chrom", "start", "end"])


class Unlabelled(InputError):
    """A file without labels, where labels are needed."""


class Columns(NamedTuple):
    """A file by the columns of the table."""

    frame: pd.DataFrame
    """Text columns named as in `ACCEPTED`, and `row`, the 1-based row in the file."""
    header: tuple[str, ...]
    """The names found in the header."""
    notes: tuple[str, ...]
    """How columns were understood, and which were not read."""


def choose_columns(
    cells: Cells,
    *,
    file: Path,
    names: ColumnNames = ColumnNames(),  # noqa: B008 a tuple
    label_wanted: bool = False,
    split_matters: bool = True,
    has_genome: bool = False,
) -> Columns:
    """Return a file of named columns by the columns of the table.

    A column is the one that `names` gives, else the one with a name of `ACCEPTED`. Without these the
    sequence is the only column of DNA, and the label the only one with a name that may mean it. If no
    column is named split, one whose values are names of splits is the split. Columns of other names
    are left out. A file of two columns without header holds sequence and label.

    Parameters
    ----------
    cells
        The file.
    file
        Its path, for messages.
    names
        Columns that the user has named.
    label_wanted
        Whether a label is looked for under other names than the plain ones.
    split_matters
        Whether rows keep the splits they are given in; if not, nothing is refused for them.
    has_genome
        Whether coordinates can stand for sequences.

    Raises
    ------
    InputError
        For a file without a sequence (or chromosome, start and end), a column named twice or not
        there, and where two columns may be meant.
    """
    names_known = [canonical_name(name) for name in cells.names] or ["sequence", "label"]
    finder = _Finder(cells, names_known, file)
    meaning = finder.named(names)
    finder.add_plain(meaning)
    notes = [f"{file.name}: {note}" for note in cells.notes]
    if "end" not in meaning.values() and "stop" in names_known:
        meaning[names_known.index("stop")] = "end"
    if "sequence" not in meaning.values():
        finder.add_sequence(meaning, notes, has_genome)
    if label_wanted and "label" not in meaning.values():
        finder.add_label(meaning, notes)
    for i in set(meaning) & cells.nested:
        option = OPTIONS.get(meaning[i])
        raise InputError(
            f"the column {finder.shown(i)} holds lists or records, not single values",
            file=file,
            remedy=f"Name another with {option}." if option else None,
        )
    others = {
        i: name for i, name in enumerate(names_known) if i not in meaning and i in cells.frame
    }
    values = {i: set(cells.frame[i].str.strip().str.lower().unique()) for i in others}
    split_known = "split" in meaning.values()
    split = None
    if not split_known:
        split = find_split(
            others, values, split_matters=split_matters, file=file, row=cells.header_row or None
        )
    if split is not None:
        shown = ", ".join(sorted(values[split] - {""}))
        notes.append(f"{file.name}: the column {others.pop(split)} gives the splits ({shown})")
        meaning[split] = "split"
    nested = {i: names_known[i] for i in cells.nested}
    folds = (
        folds_among(others, values) if split_matters and "split" not in meaning.values() else []
    )
    notes += _unread({**others, **nested}, folds, file)
    frame = cells.frame[["row", *sorted(meaning)]].rename(columns=meaning)
    return Columns(frame, tuple(names_known), tuple(notes))


class _Finder:
    """The columns of one file, and what is said where they cannot be told apart."""

    def __init__(self, cells: Cells, names: Sequence[str], file: Path) -> None:
        self.cells, self.names, self.file = cells, names, file
        self.row = cells.header_row or None
        found = [name[:40] or "(no name)" for name in cells.names[:20]]
        self.found = f"found {', '.join(found)}" if found else "found no names"

    def shown(self, column: int) -> str:
        return self.cells.names[column][:40] if self.cells.names else self.names[column]

    def error(self, reason: str, remedy: str | None = None) -> InputError:
        return InputError(reason, file=self.file, row=self.row, remedy=remedy)

    def free(self, meaning: Mapping[int, str]) -> list[int]:
        """Return the columns of single values that mean nothing yet."""
        return [i for i in range(len(self.names)) if i in self.cells.frame and i not in meaning]

    def named(self, names: ColumnNames) -> dict[int, str]:
        """Return the columns that the user has named."""
        meaning: dict[int, str] = {}
        for column, option in OPTIONS.items():
            given = names.of(column)
            if len(given) > 1:
                raise InputError(
                    f"{option} names {len(given)} columns, and one can be read",
                    remedy="Name the one to learn.",
                )
            for name in given:
                there = [i for i, one in enumerate(self.names) if one == canonical_name(name)]
                if not there and names.where_present:
                    continue
                if not there:
                    raise self.error(
                        f"there is no column {name}: {self.found}",
                        f"Give one of these with {option}.",
                    )
                if len(there) > 1:
                    raise self.error(
                        f"{len(there)} columns are named {name}", "Rename all but one of them."
                    )
                if there[0] in meaning:
                    raise self.error(
                        f"the column {name} is named for both {meaning[there[0]]} and {column}",
                        f"Name another with {option}.",
                    )
                meaning[there[0]] = column
        return meaning

    def add_plain(self, meaning: dict[int, str]) -> None:
        """Add the columns with plain names for what the user has not named."""
        given = set(meaning.values())
        for i, name in enumerate(self.names):
            column = MEANING.get(name)
            if column is None or i in meaning or column in given:
                continue
            if column in meaning.values():
                option = OPTIONS.get(column)
                twice = self.names.count(name) > 1
                raise self.error(
                    f"the header names the {column} more than once: {self.found}",
                    f"Say which with {option}."
                    if option and not twice
                    else "Keep one of these columns.",
                )
            meaning[i] = column

    def add_sequence(self, meaning: dict[int, str], notes: list[str], has_genome: bool) -> None:
        """Add the only column of DNA, if coordinates do not stand for sequences."""
        placed = set(meaning.values()) >= _COORDINATES
        if placed and has_genome:
            return
        free = self.free(meaning)
        dna = [i for i in free if _is_dna(self.cells.frame[i])]
        if len(dna) > 1:
            raise self.error(
                f"the columns {self.shown(dna[0])} and {self.shown(dna[1])} both hold sequences",
                "Say which with --sequence-column.",
            )
        # A column that is called dna and holds no DNA is read, so that its rows say what is wrong.
        chosen = dna or [i for i in free if self.names[i] in SEQUENCE_NAMES][:1]
        if not placed and any(_BASES.fullmatch(name) for name in self.cells.names):
            raise self.error(
                f"there is no header, row 1 holds a sequence already: {self.found}",
                "Put a line with the names of the columns before it, such as id,sequence,label.",
            )
        if chosen:
            meaning[chosen[0]] = "sequence"
            notes.append(f"{self.file.name}: the sequences are the column {self.shown(chosen[0])}")
        elif not placed:
            raise self.error(
                f"there is no column with sequences: {self.found}",
                f"Name it {' or '.join(ACCEPTED['sequence'][:2])} (any case), or say which it is "
                f"with --sequence-column; or give {', '.join(ACCEPTED['chrom'][:2])}, start and end "
                "with a genome.",
            )

    def add_label(self, meaning: dict[int, str], notes: list[str]) -> None:
        """Add the only column whose name may mean a label."""
        free = [
            i
            for i in self.free(meaning)
            if may_be_label(self.names[i]) and not may_be_split(self.names[i])
        ]
        if len(free) > 1:
            raise self.error(
                f"the columns {self.shown(free[0])} and {self.shown(free[1])} may both be the label",
                "Say which with --label-column.",
            )
        if free:
            meaning[free[0]] = "label"
            notes.append(f"{self.file.name}: the labels are the column {self.shown(free[0])}")


def unlabelled(file: Path, header: Sequence[str], row: int | None) -> Unlabelled:
    """Return the error for a file without labels.

    Parameters
    ----------
    file
        The file.
    header
        The names of its columns; empty if it has none.
    row
        The row of the header.
    """
    if header:
        return Unlabelled(
            f"there is no column with labels: found {', '.join(header[:20])}",
            file=file,
            row=row,
            remedy=f"Name it {' or '.join(ACCEPTED['label'][:2])} (any case), or say which it is "
            "with --label-column.",
        )
    return Unlabelled(
        "nothing says which label its sequences have",
        file=file,
        remedy="Give it as --positives or --negatives.",
    )


def _is_dna(column: pd.Series) -> bool:
    """Return whether nearly all of the first cells that are filled are DNA."""
    text = column.str.strip()
    text = text[text != ""].head(_LOOKED_AT)
    return len(text) > 0 and float(text.str.fullmatch(_SEQUENCE).mean()) >= _SHARE_OF_DNA


def _unread(unread: Mapping[int, str], folds: Sequence[str], file: Path) -> list[str]:
    """Return what to say about columns that are not read."""
    notes = []
    if folds:
        notes.append(
            f"{file.name}: the column {folds[0]} is not read: folds do not say which rows are "
            "train, validation and test; a column named split would"
        )
    if order := sorted(filter(None, unread.values()), key=lambda name: not _TELLING.search(name)):
        more = ", ..." if len(order) > _SHOWN else ""
        names = ", ".join(name[:40] for name in order[:_SHOWN])
        notes.append(f"{file.name}: columns not read: {names}{more}")
    return notes
