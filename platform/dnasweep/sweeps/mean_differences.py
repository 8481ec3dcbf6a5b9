"""Paired tests between two training settings, each repeated over draws of rows and over seeds.

A difference between two means over repeated training runs is uncertain for two reasons: the test
rows are a sample, and so are the runs. The first part is estimated from the influence of each test
row on the metric, as far as all runs share it; the second from the scatter of the paired
differences between draws and between seeds. :func:`compare_means` combines both, and allows for
the small number of draws.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

Floats = NDArray[np.float64]
MIN_DRAWS = 2


class MeanDifference(NamedTuple):
    """A mean of paired differences."""

    difference: float
    low: float
    """Lower end of its 95 % interval."""
    high: float
    p_value: float
    """Two-sided p-value of no difference, over test rows, draws and seeds."""


class RunVariance(NamedTuple):
    """The part of the variance of a mean over repeated training runs that comes from the runs."""

    variance: float
    degrees: float
    """Degrees of freedom; infinite if nothing was repeated and the variance is 0."""


def shared_row_variance(
    influence: Floats, draws: Sequence[object], seeds: Sequence[object]
) -> float:
    """Return the variance over test rows that the paired differences of all training runs share.

    Parameters
    ----------
    influence
        Influence of each row on the difference of each pair (pairs, n); see
        :class:`dnasweep.sweeps.seed_tests.Measured`.
    draws, seeds
        The draw and the seed of each pair. The influence of a test row on the runs of a single
        draw or seed appears in their scatter, and is not counted again here.
    """
    draw, seed = (_places(levels) for levels in (draws, seeds))
    apart = draw[:, None] != draw
    if len(set(seeds)) > 1:
        apart &= seed[:, None] != seed
    if not apart.any():
        apart = np.ones_like(apart)
    return max(0.0, float((influence @ influence.T)[apart].mean()))


def run_variance(
    differences: np.ndarray, draws: Sequence[object], seeds: Sequence[object]
) -> RunVariance:
    """Return the variance of a mean of differences over draws crossed with seeds.

    Parameters
    ----------
    differences
        One difference per pair of training runs (pairs,).
    draws, seeds
        The draw and the seed of each pair. Both are random effects: pairs with the same draw share
        its effect, and pairs with the same seed share the effect of the seed.

    Notes
    -----
    Two-way random effects without replication. The variance of the grand mean is estimated from
    the mean squares of draws, of seeds and of the residuals, and is never less than the estimate
    from draws or from seeds alone. If some pairs are missing, the residual mean square is not
    subtracted.
    """
    by_draw, by_seed = (_levels(differences, levels) for levels in (draws, seeds))
    parts = [float(m.var(ddof=1)) / len(m) for m in (by_draw, by_seed) if len(m) > 1]
    if not parts or not sum(parts):
        return RunVariance(0.0, np.inf)
    degrees = [len(m) - 1 for m in (by_draw, by_seed) if len(m) > 1]
    rest = 0.0
    if len(parts) == 2 and len(differences) == len(by_draw) * len(by_seed):
        fitted = _expected(differences, draws) + _expected(differences, seeds)
        residuals = differences - fitted + differences.mean()
        rest = float((residuals**2).sum()) / np.prod(degrees) / len(differences)
    variance = max(sum(parts) - rest, *parts)
    below = sum(part**2 / degree for part, degree in zip(parts, degrees, strict=True))
    return RunVariance(variance, variance**2 / below)


def mean_difference(
    differences: np.ndarray,
    draws: Sequence[object],
    seeds: Sequence[object],
    row_variance: float,
) -> MeanDifference:
    """Return the mean of paired differences with its interval and p-value.

    Parameters
    ----------
    differences, draws, seeds
        As for :func:`run_variance`.
    row_variance
        Variance of the mean that comes from the test rows.

    Returns
    -------
    MeanDifference
        For one draw, the interval and the p-value are nan: its rows may favour either side, and
        neither test rows nor seeds show by how much.
    """
    if len(set(draws)) < MIN_DRAWS:
        return MeanDifference(float(np.mean(differences)), np.nan, np.nan, np.nan)
    runs = run_variance(np.asarray(differences, dtype=float), draws, seeds)
    return compare_means(
        float(np.mean(differences)),
        row_variance=row_variance,
        run_variance=runs.variance,
        degrees=runs.degrees,
    )


def compare_means(
    difference: float, *, row_variance: float, run_variance: float, degrees: float
) -> MeanDifference:
    """Return a difference with its interval and p-value, over rows and training runs.

    Parameters
    ----------
    difference
        Estimated difference.
    row_variance
        Variance of the difference over draws of test rows; estimated from hundreds of rows, so taken as known.
    run_variance
        Variance of the difference over training runs; estimated from few.
    degrees
        Degrees of freedom of `run_variance`.

    Notes
    -----
    The error is a normal variable with the first variance plus Student's t times the square root of the second (Behrens and Fisher). With Satterthwaite's approximation of the sum, two seeds that happen to agree would make the variance between seeds seem negligible, and up to 12 % of true null hypotheses would be rejected at a level of 5 %; here at most about 6 % are, and fewer if most of the variance comes from the rows.
    """
    variance = row_variance + run_variance
    if variance <= 1e-15:
        same = abs(difference) < 1e-12
        return MeanDifference(difference, difference, difference, 1.0 if same else 0.0)
    sizes, weights = _deviations(row_variance, run_variance, degrees)

    def beyond(size: float) -> float:
        return float(weights @ (2 * stats.norm.sf(size / sizes)))

    # Twice the sum of the quantiles of the two parts exceeds the quantile of their sum.
    quantile = stats.t.ppf(0.975, degrees) if run_variance else 0.0
    most = 2 * float(quantile * run_variance**0.5 + 2 * row_variance**0.5)
    half = float(optimize.brentq(lambda size: beyond(size) - 0.05, 0.0, most))
    return MeanDifference(
        difference, difference - half, difference + half, beyond(abs(difference))
    )


def _deviations(row_variance: float, run_variance: float, degrees: float) -> tuple[Floats, Floats]:
    """Return standard deviations and weights of the normal mixture that represents the error."""
    if not run_variance or np.isinf(degrees):
        return np.array([(row_variance + run_variance) ** 0.5]), np.ones(1)
    factors, weights = _mixture(degrees)
    return (row_variance + run_variance * factors) ** 0.5, weights


@functools.lru_cache(maxsize=256)
def _mixture(degrees: float) -> tuple[Floats, Floats]:
    """Return the variances and weights of the normal mixture that represents Student's t.

    The variances are degrees / chi squared. Small values of chi squared produce the tails, so the
    points of the quadrature are dense there.
    """
    points, weights = np.polynomial.legendre.leggauss(80)
    place = (points + 1) / 2
    return degrees / stats.chi2.ppf(place**6, degrees), 3 * place**5 * weights


def _levels(values: np.ndarray, levels: Sequence[object]) -> np.ndarray:
    """Return the mean of the values at each level."""
    at = _places(levels)
    return np.bincount(at, weights=values) / np.bincount(at)


def _expected(values: np.ndarray, levels: Sequence[object]) -> np.ndarray:
    """Return, for each value, the mean at its level."""
    return _levels(values, levels)[_places(levels)]


def _places(levels: Sequence[object]) -> NDArray[np.int64]:
    """Return levels as integers, in order of first appearance."""
    names = {level: place for place, level in enumerate(dict.fromkeys(levels))}
    return np.array([names[level] for level in levels])
