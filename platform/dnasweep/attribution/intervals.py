"""95 % intervals of means, and of values estimated from few draws."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]

NORMAL = float(stats.norm.ppf(0.975))
"""Half-width of a 95 % interval in standard errors."""
RESAMPLES = 2_000
"""Number of bootstrap resamples."""
FEW, MANY = 5, 500
"""Fewer than `FEW` values say nothing about the shape of their distribution; the mean of at least `MANY`
is practically normal for any shape. Between these numbers the shape matters and is taken from the sample."""
UNLIMITED = (-np.inf, np.inf)
FRACTION, CORRELATION = (0.0, 1.0), (-1.0, 1.0)
"""Lowest and highest possible means."""


def widening(freedom: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return the factor that widens a standard error from few draws.

    The half-width of the 95 % interval of a mean follows Student's distribution: 12.7 standard errors with
    one degree of freedom, 2.3 with nine, 1.96 with very many. All reported standard errors are multiplied
    by this factor, so the value +/- 1.96 of them is always a 95 % interval.

    Parameters
    ----------
    freedom
        Degrees of freedom; with none the factor is nan.
    """
    found: NDArray[np.float64] = stats.t.ppf(0.975, np.asarray(freedom, float)) / NORMAL
    return found


class Mean(NamedTuple):
    """A mean over sequences."""

    num: int
    """Number of sequences with a value."""
    mean: float
    """Mean value; nan without any sequence."""
    low: float
    """Lower end of the 95 % interval; nan for fewer than two values, and if all values are equal."""
    high: float
    """Upper end of the 95 % interval."""

    def columns(self, name: str, short: str | None = None) -> dict[str, float]:
        """Return mean and interval as columns `name`, `short_low` and `short_high`."""
        short = short or name
        return {name: self.mean, f"{short}_low": self.low, f"{short}_high": self.high}


def mean_over(
    values: Floats,
    *,
    within: tuple[float, float] = UNLIMITED,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Mean:
    """Return the mean of the values that are not nan, with its 95 % interval.

    Sequences are independent of each other, bases are not. The interval is Student's. For `FEW` to `MANY`
    values, either end is extended to the quantile of resampled t statistics if that is further out (the
    studentised bootstrap, Efron and Tibshirani 1993, chapter 12.5), to account for skewed distributions
    such as that of proportions near 1. Equal values have a spread of 0, which is no evidence of certainty,
    so they get no interval.

    Parameters
    ----------
    values
        One value per sequence, nan if it has none.
    within
        Lowest and highest possible mean; the interval ends there.
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
    return Mean(num, mean, max(within[0], mean - high * error), min(within[1], mean - low * error))


def _resampled_t(values: Floats, resamples: int, seed: int) -> tuple[float, float]:
    """Return the 2.5 and 97.5 % quantiles of the t statistic over resamples of the values.

    A quantile is 0 if it falls on resamples that consist of one repeated value, for which t is undefined.
    """
    num = len(values)
    rng = np.random.default_rng(seed)
    drawn = (values - values.mean())[rng.integers(num, size=(resamples, num))]
    mean = drawn.mean(axis=1)
    error = drawn.std(axis=1, ddof=1) / num**0.5
    # The spread of one repeated value is not exactly 0, because of rounding.
    spread = error > 1e-9 * values.std()
    t = np.sort(np.divide(mean, error, out=np.copysign(np.inf, mean), where=spread))
    ends = t[int(0.025 * resamples)], t[-1 - int(0.025 * resamples)]
    low, high = (float(end) if np.isfinite(end) else 0.0 for end in ends)
    return low, high
