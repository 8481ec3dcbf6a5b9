"""95 % intervals of means and of values from few draws."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]

NORMAL = float(stats.norm.ppf(0.975))
"""Standard errors on either side of a value that make its 95 % interval."""
RESAMPLES = 2_000
"""Resamples of a bootstrap."""
FEW, MANY = 5, 500
"""Below `FEW` values, a sample says nothing about the shape of its distribution; from `MANY` on, the mean
is as good as normal whatever the shape. Between them the shape counts and is taken from the sample."""


def widening(freedom: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return the factor for a standard error from few draws, so that `NORMAL` of them fit it.

    The interval of a mean has as many standard errors to either side as Student's distribution says:
    12.7 with one degree of freedom, 2.3 with nine, 1.96 with very many. Standard errors are given
    multiplied by this factor, so that 1.96 of them make an interval of 95 % wherever they come from.

    Parameters
    ----------
    freedom
        Degrees of freedom; without any the factor is nan.
    """
    found: NDArray[np.float64] = stats.t.ppf(0.975, np.asarray(freedom, float)) / NORMAL
    return found


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

    def columns(self, name: str, short: str | None = None) -> dict[str, float]:
        """Return mean and interval as columns `name`, `short_low` and `short_high`."""
        short = short or name
        return {name: self.mean, f"{short}_low": self.low, f"{short}_high": self.high}


def mean_over(values: Floats, *, resamples: int = RESAMPLES, seed: int = 0) -> Mean:
    """Return the mean of the values that are not nan, with its 95 % interval.

    Sequences are independent of one another, bases are not. The interval is Student's; from `FEW` to
    `MANY` values, either end is moved out to the quantile of resampled t statistics where that lies
    further out (the studentised bootstrap, Efron and Tibshirani 1993, chapter 12.5), which follows
    skewed distributions such as that of shares near 1. Equal values have a spread of 0, which says
    no more than that they are few, so they get no interval.

    Parameters
    ----------
    values
        One per sequence, nan where it has none.
    resamples, seed
        Number of resamples of the bootstrap, and its seed.
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
    low, high = -quantile, quantile
    if FEW <= num < MANY:
        ends = _resampled_t(known, resamples, seed)
        low, high = min(low, ends[0]), max(high, ends[1])
    return Mean(num, mean, mean - high * error, mean - low * error)


def _resampled_t(values: Floats, resamples: int, seed: int) -> tuple[float, float]:
    """Return the 2.5 and 97.5 % quantiles of the t statistic over resamples of the values.

    A quantile is 0 where it falls on resamples that repeat one value, which have no statistic.
    """
    num = len(values)
    rng = np.random.default_rng(seed)
    drawn = (values - values.mean())[rng.integers(num, size=(resamples, num))]
    mean = drawn.mean(axis=1)
    error = drawn.std(axis=1, ddof=1) / num**0.5
    # What repeats one value has a spread of rounding alone, not of 0.
    spread = error > 1e-9 * values.std()
    t = np.sort(np.divide(mean, error, out=np.copysign(np.inf, mean), where=spread))
    ends = t[int(0.025 * resamples)], t[-1 - int(0.025 * resamples)]
    low, high = (float(end) if np.isfinite(end) else 0.0 for end in ends)
    return low, high
