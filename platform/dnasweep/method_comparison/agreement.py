"""Do methods agree on which bases matter? Rank correlation and overlap of the top bases.

Methods differ in units and in the sums of their values, so only ranks within a sequence are compared.
Attention has no sign. Therefore the *importance* of bases, the absolute value of their attribution, is
compared among all methods, and the signed attribution only among methods with signed values.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from dnasweep.attribution.intervals import CORRELATION, FRACTION, mean_over

Floats = NDArray[np.float64]

TOP = 0.1
"""Fraction of the bases of a sequence that count as its top bases."""
MEASURES = ("importance", "signed", "top")
"""Spearman correlation of absolute values and of signed values, and Jaccard index of the most important bases."""


def spearman(one: Floats, other: Floats) -> Floats:
    """Return the rank correlation of each row, (n,); nan if a row is constant.

    Parameters
    ----------
    one, other
        Values, (n, width), nan beyond the ends of a sequence.
    """
    found = np.full(len(one), np.nan)
    for row in range(len(one)):
        there = ~(np.isnan(one[row]) | np.isnan(other[row]))
        if there.sum() > 1:
            a, b = (rankdata(v[row][there]) - (there.sum() + 1) / 2 for v in (one, other))
            scale = np.sqrt((a @ a) * (b @ b))
            found[row] = a @ b / scale if scale > 0 else np.nan
    return found


def members(values: Floats, num: NDArray[np.int64]) -> Floats:
    """Return the degree of membership, 0 to 1, of each base in the `num` highest of its row, (n, width).

    Ties share the remaining membership, so that neither order nor chance decides between the bases of one
    token. nan has membership 0.

    Parameters
    ----------
    values
        Values, (n, width).
    num
        Number of top bases in each row, (n,).
    """
    found = np.zeros_like(values)
    for row, k in enumerate(num):
        there = np.flatnonzero(~np.isnan(values[row]))
        k = min(int(k), len(there))
        if k < 1:
            continue
        known = values[row][there]
        # Sums that differ only by rounding count as equal.
        lowest = np.sort(known)[-k]
        slack = 1e-12 * abs(lowest)
        above, equal = known > lowest + slack, np.abs(known - lowest) <= slack
        found[row, there[above]] = 1.0
        found[row, there[equal]] = (k - above.sum()) / equal.sum()
    return found


def jaccard(one: Floats, other: Floats) -> Floats:
    """Return the overlap of fuzzy sets, row by row: sum of minima over sum of maxima."""
    larger = np.maximum(one, other).sum(axis=1)
    overlap = np.minimum(one, other).sum(axis=1)
    return np.divide(overlap, larger, out=np.full(len(one), np.nan), where=larger > 0)


def agreement(
    values: Mapping[str, Floats],
    *,
    unsigned: Collection[str] = (),
    seed: int = 0,
) -> pd.DataFrame:
    """Return the agreement of every pair of methods, as means over sequences.

    Parameters
    ----------
    values
        Attribution of each base by method, (n, width), nan beyond the ends.
    unsigned
        Methods with unsigned values.
    seed
        Seed of the bootstrap.

    Returns
    -------
    agreement
        One row per pair and measure: one, other, measure (see `MEASURES`), num (sequences where neither
        is constant), mean, low, high (95 % interval).
    """
    sizes = {name: np.abs(found) for name, found in values.items()}
    flat = {name: _constant(found) for name, found in sizes.items()}
    tops = {}
    for name, found in sizes.items():
        num = np.ceil(TOP * np.count_nonzero(~np.isnan(found), axis=1)).astype(np.int64)
        tops[name] = members(found, num)
    rows = []
    for one, other in itertools.combinations(values, 2):
        useful = ~(flat[one] | flat[other])
        both = {
            "importance": spearman(sizes[one], sizes[other]),
            "top": np.where(useful, jaccard(tops[one], tops[other]), np.nan),
        }
        if one not in unsigned and other not in unsigned:
            both["signed"] = spearman(values[one], values[other])
        for measure in MEASURES:
            if measure in both:
                within = FRACTION if measure == "top" else CORRELATION
                mean = mean_over(both[measure], within=within, seed=seed)
                rows.append({"one": one, "other": other, "measure": measure, **mean._asdict()})
    columns = ["one", "other", "measure", "num", "mean", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def chance_overlap(top: float = TOP) -> float:
    """Return the approximate Jaccard index of two random choices of this fraction of the bases."""
    return top / (2 - top)


def _constant(sizes: Floats) -> NDArray[np.bool_]:
    known = np.where(np.isnan(sizes), -np.inf, sizes).max(axis=1)
    least = np.where(np.isnan(sizes), np.inf, sizes).min(axis=1)
    return ~(known > least)
