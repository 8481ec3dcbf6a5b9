"""Leaks that would make every score on the test set void, refused before anything is computed.

The audit only warns of what may mislead.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.data.audit import Finding
from dnasweep.data.composition import separation
from dnasweep.data.duplicates import Molecules, overlapping, pair_strands, row_loci
from dnasweep.data.table import SPLITS
from dnasweep.errors import InputError
from dnasweep.formats.rejects import RejectedRow

LeakPolicy = Literal["refuse", "drop", "keep"]

TELLING = 0.9
"""AUROC of the length of a sequence alone above which it gives the class away."""


class SharedRows(NamedTuple):
    """Rows of train and validation that a later split has too: the same sequence or the same bases."""

    rows: NDArray[np.bool_]
    """(rows,) whether a row is one of them."""
    error: InputError | None
    """What to tell where they are not to be; None where there is none."""

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What to say where they are left out."""
        if not self.rows.any():
            return ()
        what = (
            f"{self.rows.sum():,} rows are also in a later split, or overlap it, and were left out"
        )
        return (Finding(level="info", code="dropped-copies", message=what),)


def find_copies(table: pd.DataFrame, origins: pd.DataFrame) -> SharedRows:
    """Find the rows of train that validation or test have too, and of validation that test has.

    A split has a row whose sequence it holds, read from either strand, or whose coordinates share a
    base with those of one of its rows.

    Parameters
    ----------
    table
        Sequences whose splits are given, with a fresh index.
    origins
        Columns file and row: where each row is from; the file is empty for generated rows.
    """
    order = table["split"].map({name: i for i, name in enumerate(SPLITS)}).fillna(-1).to_numpy()
    shared = _Shared(pair_strands(table["sequence"]), row_loci(table.reset_index(drop=True)))
    dropped = np.zeros(len(table), dtype=bool)
    evaluated = np.zeros(len(table), dtype=bool)
    for split in (1, 0):
        # A row of validation that goes because test has it is no reason for one of train to go.
        dropped |= shared.rows(order == split, (order > split) & ~dropped)
    for split in (1, 2):
        evaluated |= shared.rows(order == split, (order >= 0) & (order < split))
    if not evaluated.any():
        return SharedRows(dropped, None)
    return SharedRows(dropped, _refusal(table, origins, shared, order, dropped, evaluated))


class _Shared(NamedTuple):
    """What rows may have in common: their molecule, on either strand, or bases of the genome."""

    strands: Molecules
    loci: pd.DataFrame

    def rows(self, some: NDArray[np.bool_], others: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which of `some` have anything in common with one of `others`."""
        return self.either(some, others) | self.overlapping(some, others)

    def as_read(self, some: NDArray[np.bool_], others: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which of `some` read as one of `others` does."""
        return some & np.isin(self.strands.reading, self.strands.reading[others])

    def either(self, some: NDArray[np.bool_], others: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which of `some` read as one of `others` does or as its reverse complement."""
        return some & np.isin(self.strands.molecule, self.strands.molecule[others])

    def overlapping(self, some: NDArray[np.bool_], others: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which of `some` share a base of the genome with one of `others`."""
        return overlapping(self.loci, some, others)


def _refusal(
    table: pd.DataFrame,
    origins: pd.DataFrame,
    shared: _Shared,
    order: NDArray[np.integer[Any]],
    dropped: NDArray[np.bool_],
    evaluated: NDArray[np.bool_],
) -> InputError:
    """Say which row of validation or test is the first to be in an earlier split, and how many are."""
    first = int(np.argmax(evaluated))
    mine = np.arange(len(table)) == first
    earlier = (order >= 0) & (order < order[first])
    split, name = table["split"].iloc[first], table["id"].iloc[first]
    locus = "{}:{}-{}".format(*table[["chrom", "start", "end"]].iloc[first])
    ways = {
        f"the sequence of this {split} row ({name}) is also in": shared.as_read,
        f"the reverse complement of this {split} row ({name}) is in": shared.either,
        f"this {split} row ({name}, {locus}) overlaps on the genome a row of": shared.overlapping,
    }
    message, copies = next(
        (text, rows) for text, way in ways.items() if (rows := way(earlier, mine)).any()
    )
    copy = int(np.argmax(copies))
    counts = {part: int((evaluated & (table["split"] == part)).sum()) for part in SPLITS[1:]}
    total = " and ".join(f"{n:,} in {part}" for part, n in counts.items() if n)
    kinds = zip(
        _kinds(shared, order, evaluated), ("on the other strand", "by overlap"), strict=True
    )
    rest = " and ".join(f"{n:,} {what}" for n, what in kinds if n)
    return InputError(
        f"{message} {table['split'].iloc[copy]} ({_where(table, origins, copy)}); such copies in all: "
        f"{total}" + (f", {rest}" if rest else ""),
        **_at(origins, first),
        remedy=_ways_on(table, dropped),
    )


def _kinds(
    shared: _Shared, order: NDArray[np.integer[Any]], evaluated: NDArray[np.bool_]
) -> tuple[int, int]:
    """Return how many evaluated rows an earlier split has on the other strand only, or by overlap only."""
    as_read, either = np.zeros_like(evaluated), np.zeros_like(evaluated)
    for index in (1, 2):
        some, earlier = order == index, (order >= 0) & (order < index)
        as_read |= shared.as_read(some, earlier)
        either |= shared.either(some, earlier)
    return int((either & ~as_read).sum()), int((evaluated & ~either).sum())


def _ways_on(table: pd.DataFrame, dropped: NDArray[np.bool_]) -> str:
    """Return what to pass to go on; leaving copies out is offered where both classes stay in all splits."""
    classes = table.groupby("split")["label"].nunique()
    left = table[~dropped].groupby("split")["label"].nunique().reindex(classes.index)
    anew = "--split cluster to split anew, or --leaks keep to go on with a warning."
    if not (left == classes).all():
        return f"Pass {anew}"
    return f"Pass --skip-bad-rows or --leaks drop to leave the earlier copies out, {anew}"


def rejected_copies(
    table: pd.DataFrame, origins: pd.DataFrame, rows: NDArray[np.bool_]
) -> list[RejectedRow]:
    """Return the rows that :func:`find_copies` found as rows to be set aside.

    Raises
    ------
    InputError
        Where these are all rows of a given split, in whose place another would be cut.
    """
    left = set(table["split"][~rows])
    for split in SPLITS:
        number = int((table["split"] == split).sum())
        if number and split not in left:
            raise InputError(
                f"all {number:,} {split} rows are also in a later split, or overlap it",
                remedy="Pass --split cluster to split anew, or --leaks keep to go on with a warning.",
            )
    return [
        RejectedRow(
            file,
            int(row),
            f"a split after {split} has the sequence, its reverse complement or bases of its place",
            f"{name} {sequence}",
        )
        for file, row, split, name, sequence in zip(
            *(origins[c][rows] for c in ("file", "row")),
            *(table[c][rows] for c in ("split", "id", "sequence")),
            strict=True,
        )
    ]


def check_lengths(table: pd.DataFrame, origins: pd.DataFrame) -> None:
    """Refuse classes that the length of a sequence alone tells apart, with an AUROC above `TELLING`.

    Raises
    ------
    InputError
        With the length to cut all sequences to, at the first row that is not of the first row's
        class.
    """
    labelled = (table["label"] >= 0).to_numpy()
    bases, labels = table["sequence"].str.len()[labelled], table["label"][labelled]
    score = separation(bases, labels).auroc
    if score <= TELLING:
        return
    medians = bases.groupby(labels).median()
    listed = ", ".join(f"{n:g} in class {label}" for label, n in medians.items())
    shortest, typical = int(bases.min()), int(medians.min())
    whole = 2 * shortest >= typical
    number = shortest if whole else typical
    skipping = "" if whole else " and leave out shorter ones with --skip-bad-rows"
    other = np.flatnonzero(labelled)[int(np.argmax((labels != labels.iloc[0]).to_numpy()))]
    raise InputError(
        f"the length of a sequence alone tells the classes apart (AUROC {score:.2f}): the median "
        f"is {listed}",
        **_at(origins, int(other)),
        remedy=f"Cut all sequences to one length with --crop {number}{skipping}, or pass "
        "--leaks keep to go on with a warning.",
    )


def _at(origins: pd.DataFrame, row: int) -> dict[str, Any]:
    file = origins["file"].iloc[row]
    return {"file": file, "row": int(origins["row"].iloc[row])} if file else {}


def _where(table: pd.DataFrame, origins: pd.DataFrame, row: int) -> str:
    file = origins["file"].iloc[row]
    return f"{file}, row {origins['row'].iloc[row]}" if file else str(table["id"].iloc[row])
