"""Assign a meaning to columns of tables: sequence, label, split and others; report unread ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dnasweep.data.column_finder import Finder
from dnasweep.data.column_names import ACCEPTED, OPTIONS, ColumnNames
from dnasweep.data.joined_labels import join_labels
from dnasweep.data.locus_columns import find_loci
from dnasweep.data.names import SPLIT_NAMES
from dnasweep.data.split_columns import find_split, folds_among, is_readable, plain_splits
from dnasweep.errors import InputError
from dnasweep.formats.delimited import Cells
from dnasweep.formats.headers import canonical_name

# Unread columns that matter most to users.
_TELLING = re.compile(
    r"weight|label|class|target|score|group|is_|in_|^y$|fold|split|set$|strat|seq|dna"
)
_TASKS = ("task", "task_name")
_SHOWN = 10


class Unlabelled(InputError):
    """Error for a file without labels if labels are required."""


class Columns(NamedTuple):
    """A file with the columns of the table."""

    frame: pd.DataFrame
    """Text columns named as in `ACCEPTED`, and `row`, the 1-based row in the file."""
    header: tuple[str, ...]
    """The names found in the header."""
    notes: tuple[str, ...]
    """Messages on how columns were interpreted, and which were not read."""
    labels: tuple[str, ...] = ()
    """Names of the label columns; several columns are joined in one cell, separated by ;."""


def choose_columns(
    cells: Cells,
    *,
    file: Path,
    names: ColumnNames = ColumnNames(),  # noqa: B008 a tuple
    label_wanted: bool = False,
    split_matters: bool = True,
    has_genome: bool = False,
) -> Columns:
    """Return a file of named columns with the columns of the table.

    A column is identified by `names`, or otherwise by a name in `ACCEPTED`. Without these, the sequence is
    the only column of DNA, and the label the only column with a name that may mean a label, or several
    numeric columns of one kind. If no column is named split, a column with names of splits is used. Other
    columns are left out. A file of two columns without a header contains sequence and label.

    Parameters
    ----------
    cells
        Cells of the file.
    file
        Path of the file, for messages.
    names
        Columns that the user has named.
    label_wanted
        Whether to look for labels under non-standard names as well.
    split_matters
        Whether rows keep their given splits; otherwise no file is refused because of its splits.
    has_genome
        Whether coordinates can replace sequences.

    Raises
    ------
    InputError
        For a file without a sequence (or chromosome, start and end), for a missing or repeated column, and
        for ambiguous columns.
    """
    names_known = [canonical_name(name) for name in cells.names] or ["sequence", "label"]
    finder = Finder(cells, names_known, file)
    meaning = finder.named(names)
    finder.add_plain(meaning)
    notes = [f"{file.name}: {note}" for note in cells.notes]
    if "stop" in names_known and "start" in meaning.values() and "end" not in meaning.values():
        meaning[names_known.index("stop")] = "end"
    if "sequence" not in meaning.values():
        finder.add_sequence(meaning, notes, has_genome, labelled=label_wanted)
    if label_wanted and "label" not in meaning.values():
        finder.add_label(meaning, notes)
    elif label_wanted and not names.label:
        finder.check_label(meaning)
    for i in set(meaning) & cells.nested:
        if meaning[i] == "label" and i in cells.frame:
            continue
        option = OPTIONS.get(meaning[i])
        raise InputError(
            f"the column {finder.shown(i)} contains lists or records, not single values",
            file=file,
            remedy=f"Name another with {option}." if option else None,
        )
    others = {i: names_known[i] for i in finder.free(meaning)}
    values = {i: set(cells.frame[i].str.strip().str.lower().unique()) for i in others}
    row = cells.header_row or None
    split = next((i for i, column in meaning.items() if column == "split"), None)
    if split is None:
        split = find_split(others, values, split_matters=split_matters, file=file, row=row)
        told = split is not None
    else:
        text, name = cells.frame[split], finder.shown(split)
        told = not set(text.str.strip().str.lower()) <= {"", *SPLIT_NAMES}
        if not is_readable(text, name, split_matters=split_matters, file=file, row=row):
            del meaning[split]
            others[split], split = names_known[split], None
    frame = cells.frame
    if split is not None:
        others.pop(split, None)
        meaning[split] = "split"
        frame = frame.assign(**{"split": plain_splits(frame[split])})
        if told:
            shown = ", ".join(sorted(set(cells.frame[split].str.strip().str.lower()) - {""}))
            what = "gives the splits" if split_matters else "contains splits, which are not used"
            notes.append(f"{file.name}: the column {finder.shown(split)} {what} ({shown})")
    taken = set(meaning.values())
    sequence = next((i for i, column in meaning.items() if column == "sequence"), None)
    if sequence is not None and not taken & {"chrom", "start", "end"}:
        loci = find_loci(cells.frame, others, sequence)
        if loci is not None:
            del others[loci.column]
            frame = frame.assign(**loci.places.drop(columns=list(taken & {"strand"})))
            notes.append(f"{file.name}: the places are the column {finder.shown(loci.column)}")
    tasks = next((i for i, name in others.items() if name in _TASKS), None)
    if label_wanted and tasks is not None and len(found := sorted(values[tasks] - {""})) > 1:
        raise finder.error(
            f"the column {finder.shown(tasks)} names several tasks, whose labels differ in meaning: "
            f"{', '.join(found[:3])}{', ...' if len(found) > 3 else ''}",
            "Keep the rows of one task, or rename the column if it means something else.",
        )
    folds = folds_among(others, values) if split_matters and split is None else []
    unread = sorted({*others, *cells.nested} - set(meaning))
    notes += _unread(*([finder.shown(i) for i in found] for found in (unread, folds)), file=file)
    # Columns named by the user are in the order given.
    labels = [i for i in (meaning if names.label else sorted(meaning)) if meaning[i] == "label"]
    if len(labels) > 1:
        frame = frame.assign(label=join_labels(frame, labels))
    single = {i: column for i, column in meaning.items() if column not in frame}
    made = ("label", "split", "chrom", "start", "end", "strand")
    kept = ["row", *sorted(single), *(column for column in made if column in frame)]
    header = tuple(finder.shown(i) for i in range(len(names_known)))
    return Columns(
        frame[kept].rename(columns=single),
        header,
        tuple(notes),
        tuple(finder.shown(i) for i in labels),
    )


def unlabelled(
    file: Path,
    header: Sequence[str],
    row: int | None,
    *,
    has_titles: bool = False,
    has_places: bool = False,
) -> Unlabelled:
    """Return the error for a file without labels.

    Parameters
    ----------
    file
        The file.
    header
        Column names of the file; empty if it has none.
    row
        Row of the header.
    has_titles
        Whether the sequences have titles, which could contain labels.
    has_places
        Whether the file is BED, in which columns are named by their position.
    """
    if has_places:
        names = [name for name in header[3:] if name != "strand"]
        return Unlabelled(
            "nothing says which label its sequences have",
            file=file,
            remedy="Give it as --positives or --negatives"
            + (
                f", or say which column is the label with --label-column: {', '.join(names[:12])}."
                if names
                else "."
            ),
        )
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
        remedy="Give it as --positives or --negatives"
        + (
            ", write labels into the titles, as in >id|1 or >id label=1, or give a table of ids and labels with "
            "--data and this file with --sequences."
            if has_titles
            else "."
        ),
    )


def _unread(unread: Sequence[str], folds: Sequence[str], *, file: Path) -> list[str]:
    """Return messages about columns that are not read."""
    notes = []
    if folds:
        notes.append(
            f"{file.name}: the column {folds[0]} is not read, since folds do not define train, "
            "validation and test; a column named split would"
        )
    if order := sorted(filter(None, unread), key=lambda name: not _TELLING.search(name.lower())):
        more = ", ..." if len(order) > _SHOWN else ""
        names = ", ".join(name[:40] for name in order[:_SHOWN])
        notes.append(f"{file.name}: columns not read: {names}{more}")
    return notes
