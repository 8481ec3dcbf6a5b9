"""Means over sequences, and how sure they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]

RESAMPLES = 2_000
"""Resamples of a bootstrap."""
FEW, MANY = 5, 500
"""Below, a sample says nothing of the shape of its distribution; from the other on, the mean is as
good as normal whatever the shape. Between them the shape counts and is taken from the sample."""


class Mean(NamedTuple):
    """A mean over sequences."""

    num: int
    """Sequences that have a value."""
    mean: float
    """nan without any."""
    low: float
    """Lower end of its 95 % interval; nan for fewer than two, and where all values are equal."""
    high: float
    """Upper end."""


def mean_over(values: Floats, *, resamples: int = RESAMPLES, seed: int = 0) -> Mean:
    """Return the mean of the values that are not nan, with its 95 % interval.

    Sequences, and not bases, are what is independent. The interval is Student's; from `FEW` to
    `MANY` values either end is moved out to where resampled t statistics have it (the studentised
    bootstrap, Efron and Tibshirani 1993, chapter 12.5): they follow a skewed distribution, as that
    of shares near 1 is. Equal values have a spread of 0, which says no more than that they are few.

    Parameters
    ----------
    values
        One a sequence, nan where it has none.
    resamples, seed
        Of the bootstrap.
    """
    known = np.asarray(values, float)
    known = known[~np.isnan(known)]
    num = len(known)
    if not num:
        return Mean(0, np.nan, np.nan, np.nan)
    mean, error = float(known.mean()), 0.0
    if num > 1:
        error = float(known.std(ddof=1)) / num**0.5
    if error <= 1e-12 * max(1.0, abs(mean)):
        return Mean(num, mean, np.nan, np.nan)
    quantile = float(stats.t.ppf(0.975, num - 1))
    least, most = -quantile, quantile
    if FEW <= num < MANY:
        ends = _resampled_t(known, resamples, seed)
        least, most = min(least, ends[0]), max(most, ends[1])
    return Mean(num, mean, mean - most * error, mean - least * error)


def _resampled_t(values: Floats, resamples: int, seed: int) -> tuple[float, float]:
    """Return the 2.5 and 97.5 % quantiles of the t statistic over resamples of the values; 0 where
    resamples of one value over and over, which have no statistic, reach them."""
    num = len(values)
    rng = np.random.default_rng(seed)
    drawn = (values - values.mean())[rng.integers(num, size=(resamples, num))]
    mean = drawn.mean(axis=1)
    error = drawn.std(axis=1, ddof=1) / num**0.5
    t = np.sort(np.divide(mean, error, out=np.copysign(np.inf, mean), where=error > 0))
    ends = t[int(0.025 * resamples)], t[-1 - int(0.025 * resamples)]
    least, most = (float(end) if np.isfinite(end) else 0.0 for end in ends)
    return least, most
