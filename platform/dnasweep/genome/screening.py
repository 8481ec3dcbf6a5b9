"""What would give the answer away, refused before anything is computed on it.

The audit warns of what may mislead; here stands what would make every score of the test set void.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.errors import InputError
from dnasweep.genome.composition import separation
from dnasweep.genome.faults import Fault
from dnasweep.genome.table import SPLITS

LeakPolicy = Literal["refuse", "drop", "keep"]

TELLING = 0.9
"""AUROC of the length of a sequence alone above which it gives the class away."""


class Copies(NamedTuple):
    """Rows of train and validation whose very sequence is also in a later split."""

    rows: NDArray[np.bool_]
    """(rows,) whether a row is one of them."""
    error: InputError | None
    """What to tell where they are not to be; None where there is none."""


def find_copies(table: pd.DataFrame, places: pd.DataFrame) -> Copies:
    """Find the rows of train that are also in validation or test, and of validation also in test.

    Parameters
    ----------
    table
        Sequences whose splits are given.
    places
        The columns file and row: where each row stands; an empty file where it was made.
    """
    order = table["split"].map({name: i for i, name in enumerate(SPLITS)}).fillna(-1).astype(int)
    by_sequence = order.groupby(table["sequence"])
    rows = ((order >= 0) & (order < by_sequence.transform("max"))).to_numpy()
    if not rows.any():
        return Copies(rows, None)
    known = order[order >= 0].groupby(table["sequence"]).transform("min")
    evaluated = (order > known.reindex(order.index)).to_numpy()
    first = int(np.argmax(evaluated))
    same = (table["sequence"] == table["sequence"].iloc[first]).to_numpy()
    copy = int(np.argmax(same & (order < order.iloc[first]).to_numpy()))
    counts = {name: int((evaluated & (table["split"] == name)).sum()) for name in SPLITS[1:]}
    told = " and ".join(f"{n:,} in {name}" for name, n in counts.items() if n)
    split, other = table["split"].iloc[first], table["split"].iloc[copy]
    return Copies(
        rows,
        InputError(
            f"the sequence of this {split} row ({table['id'].iloc[first]}) is also in {other} "
            f"({_where(table, places, copy)}); such copies in all: {told}",
            **_at(places, first),
            remedy="Pass --skip-bad-rows or --leaks drop to leave the earlier copies out, "
            "or --leaks keep to go on with a warning.",
        ),
    )


def copy_faults(table: pd.DataFrame, places: pd.DataFrame, rows: NDArray[np.bool_]) -> list[Fault]:
    """Return the rows that :func:`find_copies` found as rows to be set aside."""
    return [
        Fault(
            file, int(row), f"the sequence is also in a split after {split}", f"{name} {sequence}"
        )
        for file, row, split, name, sequence in zip(
            *(places[c][rows] for c in ("file", "row")),
            *(table[c][rows] for c in ("split", "id", "sequence")),
            strict=True,
        )
    ]


def check_lengths(table: pd.DataFrame, places: pd.DataFrame) -> None:
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
    told = ", ".join(f"{n:g} in class {label}" for label, n in medians.items())
    shortest, typical = int(bases.min()), int(medians.min())
    whole = 2 * shortest >= typical
    number = shortest if whole else typical
    skipping = "" if whole else " and leave out shorter ones with --skip-bad-rows"
    other = np.flatnonzero(labelled)[int(np.argmax((labels != labels.iloc[0]).to_numpy()))]
    raise InputError(
        f"the length of a sequence alone tells the classes apart (AUROC {score:.2f}): the median "
        f"is {told}",
        **_at(places, int(other)),
        remedy=f"Cut all sequences to one length with --crop {number}{skipping}, or pass "
        "--leaks keep to go on with a warning.",
    )


def _at(places: pd.DataFrame, row: int) -> dict[str, Any]:
    file = places["file"].iloc[row]
    return {"file": file, "row": int(places["row"].iloc[row])} if file else {}


def _where(table: pd.DataFrame, places: pd.DataFrame, row: int) -> str:
    file = places["file"].iloc[row]
    return f"{file}, row {places['row'].iloc[row]}" if file else str(table["id"].iloc[row])
