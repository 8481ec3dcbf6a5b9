"""Null simulations: a quantity, a way to draw it without an effect, and a verdict.

A p-value is correct if the probability that it is below any level is equal to the level, and an
interval is correct if it covers the true value with its nominal probability. Each :class:`Check`
draws many of either under a null hypothesis that is known to be true, with the function of the
package that users call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Simulate = Callable[[np.random.Generator, int], Floats]

LEVEL = 0.05
"""Nominal size of a test; the nominal coverage of an interval is 1 minus this."""
TOLERATED = (0.03, 0.07)
"""Accepted sizes of a test, and fractions of intervals that miss the true value."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """A p-value or an interval under a null hypothesis."""

    quantity: str
    """Name of the quantity, and the function that computes it."""
    setting: str
    """Description of the simulated data."""
    simulate: Simulate
    """Takes a generator and a number of draws n; returns p-values (n,), or the ends of intervals and the
    true values, (n, 3). The draws must be independent of each other."""
    may_be_careful: bool = False
    """Whether it may be conservative, like exact tests of small counts."""
    times: int = 1000
    """Number of draws of the benchmark; fewer if a draw is slow."""
    quick: bool = True
    """Whether 200 draws take only a second or two, so the tests include this check."""


class Measured(NamedTuple):
    """A size or a coverage, with its exact binomial interval."""

    kind: str
    """`size` of a test, `coverage` of an interval."""
    nominal: float
    share: float
    low: float
    """Lower end of the 95 % interval (Clopper and Pearson)."""
    high: float
    num: int
    """Number of draws with a finite result."""
    far: float
    """Size at a level of 0.001 for a test with at least 2,000 draws; else nan."""
    apart: float
    """Largest difference between the distribution of the p-values and the uniform one
    (Kolmogorov-Smirnov statistic); nan for an interval."""
    right: bool
    """False if the fraction is certainly outside the accepted range."""


def measure(check: Check, *, times: int, seed: int = 0, surely: float = 5e-3) -> Measured:
    """Draw a check many times and decide whether it is right.

    Parameters
    ----------
    check
        What to draw.
    times
        Number of draws.
    seed
        Seed of the draws.
    surely
        The check fails if the result, or a more extreme one, would have a probability below this
        for every fraction within `TOLERATED`.
    """
    drawn = np.asarray(check.simulate(np.random.default_rng(seed), times), float)
    far = apart = np.nan
    if drawn.ndim == 1:
        drawn = drawn[~np.isnan(drawn)]
        missed, kind = drawn <= LEVEL, "size"
        apart = stats.kstest(drawn, "uniform").statistic if len(drawn) else np.nan
        far = float(np.mean(drawn <= 1e-3)) if len(drawn) >= 2000 else np.nan
    else:
        drawn = drawn[~np.isnan(drawn).any(axis=1)]
        low, high, truth = drawn.T
        # Interval ends that take few values may equal the true value except in the last digits.
        missed, kind = (truth < low - 1e-9) | (truth > high + 1e-9), "coverage"
    num, count = len(missed), int(missed.sum())
    if not num:
        return Measured(kind, np.nan, np.nan, np.nan, np.nan, 0, np.nan, np.nan, False)
    least, most = TOLERATED
    too_many = stats.binom.sf(count - 1, num, most) < surely
    too_few = not check.may_be_careful and stats.binom.cdf(count, num, least) < surely
    interval = stats.binomtest(count, num).proportion_ci()
    ends = float(interval.low), float(interval.high)
    share, nominal = count / num, LEVEL
    if kind == "coverage":
        share, nominal, ends = 1 - share, 1 - nominal, (1 - ends[1], 1 - ends[0])
    return Measured(kind, nominal, share, *ends, num, far, apart, not (too_many or too_few))


Checks = Mapping[str, Check]
"""Checks by their short names, as used by `--only`."""
