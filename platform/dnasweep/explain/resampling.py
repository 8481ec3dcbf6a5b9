"""Means over sequences, and how sure they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESAMPLES = 2_000
"""Resamples of a bootstrap."""


class Mean(NamedTuple):
    """A mean over sequences."""

    num: int
    """Sequences that have a value."""
    mean: float
    """nan without any."""
    low: float
    """Lower end of its 95 % interval; nan for fewer than two."""
    high: float
    """Upper end."""


def mean_over(values: Floats, *, resamples: int = RESAMPLES, seed: int = 0) -> Mean:
    """Return the mean of the values that are not nan, with the percentile interval of a bootstrap.

    Sequences are drawn with replacement (Efron 1979); they, and not bases, are what is independent.

    Parameters
    ----------
    values
        One a sequence, nan where it has none.
    resamples, seed
        Of the bootstrap.
    """
    known = np.asarray(values, float)
    known = known[~np.isnan(known)]
    if not len(known):
        return Mean(0, np.nan, np.nan, np.nan)
    if len(known) == 1:
        return Mean(1, float(known[0]), np.nan, np.nan)
    rng = np.random.default_rng(seed)
    drawn = known[rng.integers(len(known), size=(resamples, len(known)))].mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Mean(len(known), float(known.mean()), float(low), float(high))
