"""Rows that are the same, or nearly, on both sides of a border that should part them.

The same means the same molecule: a sequence and its reverse complement are two readings of one.
Rows with coordinates that share a base of a genome are its same bases, however unlike they read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.data.clustering import SimilarPairs, cluster_rows
from dnasweep.data.duplicates import Molecules, overlapping, pair_strands, row_loci

EVALUATED = ("validation", "test")


class Leak(NamedTuple):
    """Rows of one split that are also, or nearly, in another."""

    kind: str
    """`exact`, `near` or `overlap`."""
    split: str
    """The split with the rows."""
    other: str
    """The split they are also in."""
    num_rows: int
    """Rows of `split` concerned."""
    num_reverse: int
    """Those of them that are there on the other strand only."""
    first_id: str
    """The first of them."""


def leaks(table: pd.DataFrame, pairs: SimilarPairs) -> Iterator[Leak]:
    """Yield rows of validation and test that are also in train, and of test that are in validation.

    `exact` counts equal sequences, `near` those alike at the identity of `pairs`, equal ones
    included, both read from either strand; `overlap` counts rows that share a base of the genome.
    None is passed on from pair to pair here: a row counts that has a partner of its own on the
    other side.
    """
    splits = table["split"].to_numpy()
    strands = pair_strands(table["sequence"])
    places = row_loci(table.reset_index(drop=True))
    for split in EVALUATED:
        for other in ("train", "validation"):
            if other == split:
                continue
            here, there = splits == split, splits == other
            exact = here & np.isin(strands.molecule, strands.molecule[there])
            forward = here & np.isin(strands.reading, strands.reading[there])
            alike, as_read = _alike(pairs, strands, here, there)
            found = {"exact": (exact, exact & ~forward)}
            if (alike & ~exact).any():
                found["near"] = (alike | exact, (alike | exact) & ~(as_read | forward))
            found["overlap"] = (overlapping(places, here, there), np.zeros_like(here))
            for kind, (rows, reverse) in found.items():
                if rows.any():
                    first = table["id"].iloc[int(rows.argmax())]
                    yield Leak(kind, split, other, int(rows.sum()), int(reverse.sum()), first)


def _alike(
    pairs: SimilarPairs, strands: Molecules, here: NDArray[np.bool_], there: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the rows `here` with a like that has a copy `there`: on either strand, and as they read."""
    # Pairs join first copies; through the numbers of their molecules they hold for all copies.
    first, second = strands.molecule[pairs.first], strands.molecule[pairs.second]
    # Whether the pair is alike where one is read on the strand chosen for it and the other is not.
    turned = pairs.reverse ^ strands.reverse[pairs.first] ^ strands.reverse[pairs.second]
    one = np.concatenate([first, second])
    other = np.concatenate([second, first])
    turned = np.concatenate([turned, turned]).astype(np.int64)
    either = one[np.isin(other, strands.molecule[there])]
    as_read = [
        2 * one[np.isin(2 * other + (turned ^ reverse), strands.reading[there])] + reverse
        for reverse in (0, 1)
    ]
    return (
        here & np.isin(strands.molecule, either),
        here & np.isin(strands.reading, np.concatenate(as_read)),
    )


class Relatives(NamedTuple):
    """Clusters of similar sequences that hold more than one species."""

    num_clusters: int
    """Clusters with two species or more."""
    num_rows: int
    """Rows in them."""
    num_apart: int
    """Of these clusters, those whose rows stand in more than one split."""


def across_species(table: pd.DataFrame, pairs: SimilarPairs) -> Relatives:
    """Return how many similar sequences belong to different species."""
    frame = pd.DataFrame(
        {
            "cluster": cluster_rows(len(table), pairs),
            "species": table["species"].to_numpy(),
            "split": table["split"].to_numpy(),
        }
    )
    per = frame.groupby("cluster").agg(
        species=("species", "nunique"), split=("split", "nunique"), rows=("split", "size")
    )
    shared = per[per["species"] > 1]
    return Relatives(len(shared), int(shared["rows"].sum()), int((shared["split"] > 1).sum()))


class Conflicts(NamedTuple):
    """Sequences with more than one label."""

    num_sequences: int
    """Sequences that stand in the table with two labels or more."""
    first_id: str
    """The first row of one of them; empty where there is none."""
    num_reverse: int
    """Other sequences whose reverse complement has another label."""
    first_reverse_id: str
    """The first row of one of those."""


def conflicting_labels(table: pd.DataFrame) -> Conflicts:
    """Return how many sequences have several labels, as they read and on their two strands."""
    strands = pair_strands(table["sequence"])
    labels = table["label"].reset_index(drop=True)
    read = (labels.groupby(strands.reading).transform("nunique") > 1).to_numpy()
    either = (labels.groupby(strands.molecule).transform("nunique") > 1).to_numpy()
    # Where a sequence conflicts with itself there is nothing to add about its other strand.
    reverse = either & ~np.isin(strands.molecule, strands.molecule[read])
    return Conflicts(
        len(np.unique(strands.reading[read])),
        str(table["id"].iloc[int(read.argmax())]) if read.any() else "",
        len(np.unique(strands.molecule[reverse])),
        str(table["id"].iloc[int(reverse.argmax())]) if reverse.any() else "",
    )
