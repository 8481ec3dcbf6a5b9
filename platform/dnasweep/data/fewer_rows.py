"""Which rows of a data set are kept: each once, and a random subset of the training rows to save time."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.data.table import outputs_of

VALIDATION_PART = 2
"""Ratio of kept training rows to kept validation rows."""


def distinct_rows(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which rows do not repeat sequence, labels and species of an earlier one, shape (rows,).

    Parameters
    ----------
    table
        Rows with their labels.
    """
    same = ["sequence", "label", *outputs_of(table), "species"]
    return ~table.duplicated(same).to_numpy()


def fewer_rows(table: pd.DataFrame, most: int, seed: int = 0) -> NDArray[np.bool_]:
    """Return which rows to keep, shape (rows,): at most `most` of train, half as many of validation.

    Rows are drawn in proportion to the size of each combination of label and species, at least one row of
    each, so rare classes are never lost; test rows and rows without a split are all kept.

    Parameters
    ----------
    table
        Rows with their labels and splits.
    most
        Maximum number of training rows, at least 1.
    seed
        Seed of the draw.
    """
    kept = np.ones(len(table), dtype=bool)
    split = table["split"].to_numpy()
    strata = pd.factorize(table["label"].astype("str") + "\t" + table["species"])[0]
    parts = {"train": most, "validation": max(1, most // VALIDATION_PART)}
    for place, (name, number) in enumerate(parts.items()):
        rows = np.flatnonzero(split == name)
        if len(rows) > number:
            kept[rows] = False
            kept[_drawn(rows, strata[rows], number, np.random.default_rng([seed, place]))] = True
    return kept


def _drawn(
    rows: NDArray[np.int64], strata: NDArray[np.int64], number: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    kinds, counts = np.unique(strata, return_counts=True)
    exact = counts * (number / len(rows))
    quota = np.maximum(1, np.floor(exact)).astype(np.int64)
    # Rounding: remaining rows go to the largest remainders.
    for place in np.argsort(quota - exact, kind="stable")[: max(0, number - int(quota.sum()))]:
        quota[place] += 1
    drawn = [
        rng.permutation(rows[strata == kind])[:size]
        for kind, size in zip(kinds, np.minimum(quota, counts), strict=True)
    ]
    return np.sort(np.concatenate(drawn))
