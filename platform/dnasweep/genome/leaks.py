"""Sequences that are the same, or nearly, on both sides of a border that should part them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.genome.clustering import SimilarPairs, cluster_rows

EVALUATED = ("validation", "test")


class Leak(NamedTuple):
    """Rows of one split that are also, or nearly, in another."""

    kind: str
    """`exact` or `near`."""
    split: str
    """The split with the rows."""
    other: str
    """The split they are also in."""
    num_rows: int
    """Rows of `split` concerned."""
    first_id: str
    """The first of them."""


def leaks(table: pd.DataFrame, pairs: SimilarPairs) -> Iterator[Leak]:
    """Yield rows of validation and test that are also in train, and of test that are in validation.

    `exact` counts equal sequences, `near` those alike at the identity of `pairs`, equal ones
    included. Being alike is not passed on from pair to pair here: a row counts that has a partner
    of its own on the other side.
    """
    splits = table["split"].to_numpy()
    sequence = pd.factorize(table["sequence"])[0]
    for split in EVALUATED:
        for other in ("train", "validation"):
            if other == split:
                continue
            rows = np.flatnonzero(splits == split)
            exact = rows[np.isin(sequence[rows], sequence[splits == other])]
            near = np.union1d(exact, _partnered(pairs, sequence, splits, split, other))
            for kind, found in (("exact", exact), ("near", near)):
                if len(found) and (kind == "exact" or len(near) > len(exact)):
                    yield Leak(kind, split, other, len(found), table["id"].iloc[int(found[0])])


def _partnered(
    pairs: SimilarPairs,
    sequence: NDArray[np.int64],
    splits: NDArray[np.object_],
    split: str,
    other: str,
) -> NDArray[np.int64]:
    """Return rows of `split` whose sequence has a similar one with a copy in `other`."""
    # Pairs join first copies; through the sequence numbers they hold for all copies.
    first, second = sequence[pairs.first], sequence[pairs.second]
    there = np.unique(sequence[splits == other])
    partners = np.concatenate([second[np.isin(first, there)], first[np.isin(second, there)]])
    return np.flatnonzero((splits == split) & np.isin(sequence, partners))


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


def conflicting_labels(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose sequence stands in the table with another label too."""
    labels = table.groupby("sequence")["label"].transform("nunique")
    return table[labels > 1]
