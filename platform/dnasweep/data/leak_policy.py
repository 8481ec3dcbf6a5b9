"""Leaks that would invalidate every score on the test set, refused before anything is computed.

The audit, in contrast, only gives warnings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.data.composition import separation
from dnasweep.data.findings import Finding, info
from dnasweep.data.same_dna import SharedDna
from dnasweep.data.table import SPLITS, row_error
from dnasweep.errors import InputError
from dnasweep.formats.rejects import RejectedRow

LeakPolicy = Literal["refuse", "drop", "keep"]

MAX_LENGTH_AUROC = 0.9
"""AUROC of sequence length alone above which length gives the class away."""


class SharedRows(NamedTuple):
    """Rows of train and validation that also occur in a later split."""

    rows: NDArray[np.bool_]
    """(rows,) whether a row also occurs in a later split."""
    error: InputError | None
    """The error to raise if such rows are not allowed; None if there are none."""

    @property
    def notes(self) -> tuple[Finding, ...]:
        """Findings to report if these rows are left out."""
        if not self.rows.any():
            return ()
        what = f"{self.rows.sum():,} rows that are also in a later split, or overlap it, were left out"
        return (info("dropped-copies", what),)


def find_copies(table: pd.DataFrame, origins: pd.DataFrame) -> SharedRows:
    """Find rows of train that also occur in validation or test, and rows of validation that occur in test.

    A row occurs in a split that contains its sequence, on either strand, or a row with overlapping
    coordinates.

    Parameters
    ----------
    table
        Sequences whose splits are given, with a fresh index.
    origins
        Columns file and row: the origin of each row; the file is empty for generated rows.
    """
    order = table["split"].map({name: i for i, name in enumerate(SPLITS)}).fillna(-1).to_numpy()
    shared = SharedDna.of(table)
    dropped = np.zeros(len(table), dtype=bool)
    for split in (1, 0):
        # A validation row that is dropped because of a test row must not cause a train row to be dropped.
        dropped |= shared.any_of(order == split, (order > split) & ~dropped)
    evaluated = _in_earlier(order, shared.any_of)
    if not evaluated.any():
        return SharedRows(dropped, None)
    return SharedRows(dropped, _refusal(table, origins, shared, order, dropped, evaluated))


def _refusal(
    table: pd.DataFrame,
    origins: pd.DataFrame,
    shared: SharedDna,
    order: NDArray[np.integer[Any]],
    dropped: NDArray[np.bool_],
    evaluated: NDArray[np.bool_],
) -> InputError:
    """Return the error for the first row of validation or test that is also in an earlier split."""
    first = int(np.argmax(evaluated))
    mine = np.arange(len(table)) == first
    earlier = (order >= 0) & (order < order[first])
    split, name = table["split"].iloc[first], table["id"].iloc[first]
    locus = "{}:{}-{}".format(*table[["chrom", "start", "end"]].iloc[first])
    ways = {
        f"the sequence of this {split} row ({name}) is also in": shared.same_strand,
        f"the reverse complement of this {split} row ({name}) is in": shared.either_strand,
        f"this {split} row ({name}, {locus}) overlaps on the genome a row of": shared.overlapping,
    }
    message, copies = next(
        (text, rows) for text, way in ways.items() if (rows := way(earlier, mine)).any()
    )
    copy = int(np.argmax(copies))
    counts = {part: int((evaluated & (table["split"] == part)).sum()) for part in SPLITS[1:]}
    total = " and ".join(f"{n:,} in {part}" for part, n in counts.items() if n)
    either = _in_earlier(order, shared.either_strand)
    kinds = {
        "on the other strand": either & ~_in_earlier(order, shared.same_strand),
        "by overlap": evaluated & ~either,
    }
    rest = " and ".join(f"{rows.sum():,} {what}" for what, rows in kinds.items() if rows.any())
    return row_error(
        origins,
        first,
        f"{message} {table['split'].iloc[copy]} ({_where(table, origins, copy)}); such copies in all: "
        f"{total}" + (f", {rest}" if rest else ""),
        _ways_on(table, dropped),
    )


def _in_earlier(
    order: NDArray[np.integer[Any]],
    shared: Callable[[NDArray[np.bool_], NDArray[np.bool_]], NDArray[np.bool_]],
) -> NDArray[np.bool_]:
    """Return which rows of validation and test have a match in an earlier split."""
    validation = shared(order == 1, order == 0)
    return validation | shared(order == 2, (order == 0) | (order == 1))


def _ways_on(table: pd.DataFrame, dropped: NDArray[np.bool_]) -> str:
    """Return the options for continuing; copies may be left out only if all splits keep their classes."""
    classes = table.groupby("split")["label"].nunique()
    left = table[~dropped].groupby("split")["label"].nunique().reindex(classes.index)
    anew = "--split cluster to split anew, or --leaks keep to continue with a warning."
    if not (left == classes).all():
        return f"Pass {anew}"
    return f"Pass --skip-bad-rows or --leaks drop to leave the earlier copies out, {anew}"


def rejected_copies(
    table: pd.DataFrame, origins: pd.DataFrame, rows: NDArray[np.bool_]
) -> list[RejectedRow]:
    """Return the rows found by :func:`find_copies` as rejected rows.

    Parameters
    ----------
    table
        Sequences whose splits are given.
    origins
        Columns `file` and `row`: the origin of each row.
    rows
        (rows,) the copies; see :class:`SharedRows`.

    Raises
    ------
    InputError
        If these are all rows of a given split, which would then be taken from train again.
    """
    left = set(table["split"][~rows])
    for split in SPLITS:
        number = int((table["split"] == split).sum())
        if number and split not in left:
            raise InputError(
                f"all {number:,} {split} rows are also in a later split, or overlap it",
                remedy="Pass --split cluster to split anew, or --leaks keep to continue with a warning.",
            )
    return [
        RejectedRow(
            file,
            int(row),
            f"a split after {split} has the sequence, its reverse complement or bases of its locus",
            f"{name} {sequence}",
        )
        for file, row, split, name, sequence in zip(
            *(origins[c][rows] for c in ("file", "row")),
            *(table[c][rows] for c in ("split", "id", "sequence")),
            strict=True,
        )
    ]


def check_lengths(table: pd.DataFrame, origins: pd.DataFrame) -> None:
    """Refuse classes that sequence length alone separates, with an AUROC above `MAX_LENGTH_AUROC`.

    Raises
    ------
    InputError
        For the first row of another class than the first row, with a length to cut all sequences to.
    """
    labelled = (table["label"] >= 0).to_numpy()
    bases, labels = table["sequence"].str.len()[labelled], table["label"][labelled]
    score = separation(bases, labels).auroc
    if score <= MAX_LENGTH_AUROC:
        return
    medians = bases.groupby(labels).median()
    listed = ", ".join(f"{n:g} in class {label}" for label, n in medians.items())
    shortest, typical = int(bases.min()), int(medians.min())
    whole = 2 * shortest >= typical
    number = shortest if whole else typical
    skipping = "" if whole else " and leave out shorter ones with --skip-bad-rows"
    other = np.flatnonzero(labelled)[int(np.argmax((labels != labels.iloc[0]).to_numpy()))]
    raise row_error(
        origins,
        int(other),
        f"the length of a sequence alone tells the classes apart (AUROC {score:.2f}): the median "
        f"is {listed}",
        f"Cut all sequences to one length with --crop {number}{skipping}, or pass "
        "--leaks keep to continue with a warning.",
    )


def _where(table: pd.DataFrame, origins: pd.DataFrame, row: int) -> str:
    file = origins["file"].iloc[row]
    return f"{file}, row {origins['row'].iloc[row]}" if file else str(table["id"].iloc[row])
