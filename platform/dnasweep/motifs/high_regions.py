"""Stretches of high attention or attribution, as DNABERT finds them (find_motifs, Ji et al. 2021)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ABOVE_LEAST = 10.0
"""Attention is high where it exceeds this many times the least of its sequence."""
DEVIATIONS = 1.0
"""Signed values are high this many standard deviations above the mean of their sequence."""


class HighRegion(NamedTuple):
    """A stretch of high values."""

    row: int
    """The sequence."""
    start: int
    """Column of its first base."""
    end: int
    """One past the column of its last base."""


def high_bases(values: NDArray[np.float64], *, signed: bool) -> NDArray[np.bool_]:
    """Return which bases have high values, (n, width).

    Parameters
    ----------
    values
        (n, width); nan where there is no base.
    signed
        Attention (False) is high above the mean of its sequence and above 10 times its least value,
        which is DNABERT's rule. The least of signed values is negative and says nothing: these are
        high where positive and a standard deviation above the mean.
    """
    mean = np.nanmean(values, axis=1, keepdims=True)
    if signed:
        bound = np.maximum(mean + DEVIATIONS * np.nanstd(values, axis=1, keepdims=True), 0)
    else:
        bound = np.maximum(mean, ABOVE_LEAST * np.nanmin(values, axis=1, keepdims=True))
    # Comparisons with nan are false.
    return values > bound


def high_regions(high: NDArray[np.bool_], *, min_length: int) -> list[HighRegion]:
    """Return the runs of at least `min_length` high bases, by row and start."""
    padded = np.pad(high, ((0, 0), (1, 1))).astype(np.int8)
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    _, ends = np.nonzero(steps == -1)
    long = ends - starts >= min_length
    return [
        HighRegion(*one)
        for one in zip(
            rows[long].tolist(), starts[long].tolist(), ends[long].tolist(), strict=True
        )
    ]
