"""Paired tests between two ways of training, each repeated over draws of rows and over seeds.

A difference between two means of repeated trainings is uncertain for two reasons: the test rows
are a sample, and so are the trainings. The first follows from the influence of each test row on the
metric, as far as all trainings share it; the second by the scatter of the paired differences between
draws and between seeds. Both are put together by :func:`compare_means`, which gives three draws the weight of
three.
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
    """Two-sided, of the difference being 0 for other test rows, draws and seeds."""


class RunVariance(NamedTuple):
    """Variance of a mean over repeated trainings, as far as it comes from them."""

    variance: float
    degrees: float
    """Degrees of freedom; infinite where nothing was repeated and the variance is 0."""


def shared_row_variance(
    influence: Floats, draws: Sequence[object], seeds: Sequence[object]
) -> float:
    """Return the variance, over test rows, that paired differences of all trainings share.

    Parameters
    ----------
    influence
        How far each row moves the difference of each pair (pairs, n); see
        :class:`dnasweep.sweeps.seed_tests.Measured`.
    draws, seeds
        The draw and the seed of each pair. What a test row does to one draw's or one seed's
        trainings alone shows in their scatter, and is not counted again here.
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
        One a pair of trainings (pairs,).
    draws, seeds
        The draw and the seed of each pair. Both are sampled: a pair shares what its draw does to
        it with the pairs of that draw, and what its seed does with the pairs of that seed.

    Notes
    -----
    Two-way random effects without replication. The variance of the grand mean is estimated from
    the mean squares of draws, of seeds and of what is left; it is never taken to be less than what
    either alone gives. Where some pairs are missing, nothing is subtracted for what is left.
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
        Without interval and p-value (nan) for one draw: its rows may favour either side, and
        neither test rows nor seeds tell how much.
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
    """Return a difference with its interval and p-value, uncertain by rows and by trainings.

    Parameters
    ----------
    difference
        Estimated difference.
    row_variance
        Variance of the difference over draws of test rows; estimated from hundreds of rows, so taken as known.
    run_variance
        Variance of the difference over training runs; estimated from few.
    degrees
        Degrees of freedom of that estimate.

    Notes
    -----
    The error is a normal number of the first variance plus Student's t times the root of the second
    (Behrens and Fisher). Satterthwaite's approximation of the sum takes two seeds that happen to be
    alike for a proof that seeds do not matter, and rejects up to 12 % of true nulls at 5 %; here it
    is at most about 6 %, and less where the rows are what matters.
    """
    variance = row_variance + run_variance
    if variance <= 1e-15:
        same = abs(difference) < 1e-12
        return MeanDifference(difference, difference, difference, 1.0 if same else 0.0)
    sizes, weights = _deviations(row_variance, run_variance, degrees)

    def beyond(size: float) -> float:
        return float(weights @ (2 * stats.norm.sf(size / sizes)))

    # Twice the quantiles of either part together are beyond that of their sum.
    quantile = stats.t.ppf(0.975, degrees) if run_variance else 0.0
    most = 2 * float(quantile * run_variance**0.5 + 2 * row_variance**0.5)
    half = float(optimize.brentq(lambda size: beyond(size) - 0.05, 0.0, most))
    return MeanDifference(
        difference, difference - half, difference + half, beyond(abs(difference))
    )


def _deviations(row_variance: float, run_variance: float, degrees: float) -> tuple[Floats, Floats]:
    """Return the standard deviations, with weights, whose normal distributions make up the error."""
    if not run_variance or np.isinf(degrees):
        return np.array([(row_variance + run_variance) ** 0.5]), np.ones(1)
    factors, weights = _mixture(degrees)
    return (row_variance + run_variance * factors) ** 0.5, weights


@functools.lru_cache(maxsize=256)
def _mixture(degrees: float) -> tuple[Floats, Floats]:
    """Return the variances of the normal distributions that make up Student's t, and their weights.

    They are degrees / chi squared. Small chi squared make the tails, so the points of the quadrature
    are dense there.
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
    """Return levels as numbers, in order of appearance."""
    names = {level: place for place, level in enumerate(dict.fromkeys(levels))}
    return np.array([names[level] for level in levels])
