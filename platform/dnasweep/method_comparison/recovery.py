"""Do methods recover known elements? AUROC over bases, and hits among the highest bases.

If the elements are known, as in simulated sequences, a method is assessed by the bases that it
ranks high. Attributions keep their sign, because an element is evidence for the explained class.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from dnasweep.attribution.intervals import FRACTION, mean_over
from dnasweep.attribution.positions import BaseAttributions
from dnasweep.errors import InputError
from dnasweep.method_comparison.agreement import members

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

EVERY = "every element"
"""All elements together."""
REQUIRED = ("id", "element", "start", "end")
"""Columns of a table of elements."""


def planted(bases: BaseAttributions, elements: pd.DataFrame) -> dict[str, Booleans]:
    """Return which bases are in elements, by name of the element; each of shape (n, width).

    Parameters
    ----------
    bases
        Attributions by base, aligned.
    elements
        id, element, start and end (0-based, half-open, in the sequence).

    Raises
    ------
    InputError
        If a column is missing, an element is outside its sequence, or no sequence has an element.
    """
    if missing := [name for name in REQUIRED if name not in elements]:
        raise InputError(
            f"the table of elements has no column {', '.join(missing)}",
            remedy=f"Give columns {', '.join(REQUIRED)}; start from 0, end one past the last base.",
        )
    rows = pd.Index(bases.sequences["sequence_id"]).get_indexer(pd.Index(elements["id"]))
    there = np.flatnonzero(rows >= 0)
    lengths = bases.sequences["sequence"].str.len().to_numpy(np.int64)
    origin = bases.tss.at[bases.tss.at >= 0] if bases.tss.known else np.zeros(len(lengths), int)
    found = {
        name: np.zeros(bases.values.shape, bool) for name in (EVERY, *elements["element"].unique())
    }
    for i in there.tolist():
        row, one = int(rows[i]), elements.iloc[i]
        start, end = int(one["start"]), int(one["end"])
        if not 0 <= start < end <= lengths[row]:
            raise InputError(
                f"element {one['element']!r} at {start} to {end} lies outside of sequence "
                f"{one['id']!r} of {lengths[row]} bases",
                row=i + 2,
            )
        columns = slice(start - origin[row] - bases.first, end - origin[row] - bases.first)
        found[str(one["element"])][row, columns] = True
        found[EVERY][row, columns] = True
    if not found[EVERY].any():
        raise InputError(
            "none of the sequences has an element in the table of elements",
            remedy="Use the ids of the sequences in the table of elements.",
        )
    return {name: inside for name, inside in found.items() if inside.any()}


def auroc(values: Floats, inside: Booleans, outside: Booleans) -> Floats:
    """Return the probability that a base inside an element ranks above one outside, for each row, (n,).

    Ties count half (Mann and Whitney); nan if either group is empty.

    Parameters
    ----------
    values
        Values, (n, width), nan beyond the ends of a sequence.
    inside, outside
        Bases of the two groups, (n, width).
    """
    found = np.full(len(values), np.nan)
    for row in range(len(values)):
        known = ~np.isnan(values[row])
        a, b = inside[row] & known, outside[row] & known
        if a.any() and b.any():
            both = np.concatenate([values[row][a], values[row][b]])
            total = rankdata(both)[: a.sum()].sum()
            found[row] = (total - a.sum() * (a.sum() + 1) / 2) / (a.sum() * b.sum())
    return found


def recovery(
    values: Mapping[str, Floats], elements: Mapping[str, Booleans], *, seed: int = 0
) -> pd.DataFrame:
    """Return how well each method recovers each kind of element, as means over sequences with one.

    Parameters
    ----------
    values
        Attribution of each base by method, each of shape (n, width).
    elements
        Bases inside elements by name, from :func:`planted`.
    seed
        Seed of the bootstrap.

    Returns
    -------
    recovery
        One row per method and kind: method, element, num, auroc, auroc_low, auroc_high (against bases
        outside all elements), hit_rate, hit_low, hit_high (fraction of the k highest bases that are
        inside, where k is the number of bases inside; ties are shared), chance (hit rate of a random order).
    """
    rows = []
    for method, found in values.items():
        outside = ~elements[EVERY] & ~np.isnan(found)
        for element, inside in elements.items():
            num = (inside & ~np.isnan(found)).sum(axis=1)
            has = num > 0
            area = mean_over(auroc(found, inside, outside), within=FRACTION, seed=seed)
            top = members(found, num)
            share = np.divide(
                (top * inside).sum(axis=1), num, out=np.full(len(num), np.nan), where=has
            )
            hits = mean_over(share, within=FRACTION, seed=seed)
            width = np.count_nonzero(~np.isnan(found), axis=1)
            rows.append(
                {
                    "method": method,
                    "element": element,
                    "num": hits.num,
                    **area.columns("auroc"),
                    **hits.columns("hit_rate", "hit"),
                    "chance": float((num[has] / width[has]).mean()) if has.any() else np.nan,
                }
            )
    return pd.DataFrame(rows)
