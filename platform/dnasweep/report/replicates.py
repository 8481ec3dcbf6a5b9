"""Paired tests between two ways of training, each repeated over draws of rows and over seeds.

A difference between two means of repeated trainings is uncertain for two reasons: the test rows
are a sample, and so are the trainings. The first is estimated by a paired bootstrap of the test
rows (MCC) or by DeLong's placement values (AUROC), all trainings resampled together; the second by
the scatter of the paired differences between draws and between seeds. Both are put together by
:func:`judge`, which gives three draws the weight of three.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from dnasweep.report.statistics import mcc, structural_components

Floats = NDArray[np.float64]
CHUNK_BYTES = 2**26


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


def resampled_mcc(
    labels: np.ndarray, calls: np.ndarray, *, num_resamples: int = 2000, seed: int = 0
) -> np.ndarray:
    """Return the MCC of every training on resampled test rows, the same rows for all of them.

    Parameters
    ----------
    labels
        True labels (n,), 0 or 1.
    calls
        Labels called by each training (trainings, n), 0 or 1.
    num_resamples
        Resamples of the rows, with replacement.
    seed
        Seeds the resampling.

    Returns
    -------
    (num_resamples, trainings)
    """
    num = len(labels)
    counted = np.concatenate([calls * labels, calls, labels[None, :]]).T.astype(np.float32)
    generator = np.random.default_rng(seed)
    at_once = max(1, CHUNK_BYTES // (4 * num))
    sums = []
    for start in range(0, num_resamples, at_once):
        size = min(at_once, num_resamples - start)
        drawn = generator.integers(num, size=(size, num))
        drawn += num * np.arange(size)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=size * num).reshape(size, num)
        sums.append(weights.astype(np.float32) @ counted)
    total = np.concatenate(sums).astype(float)
    runs = len(calls)
    return mcc(total[:, :runs], total[:, runs:-1], total[:, -1:], num)


def auroc_row_variance(labels: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """Return the variance, over test rows, of the mean difference of paired AUROCs.

    Parameters
    ----------
    labels
        True labels (n,), 0 or 1; at least two rows of each class.
    a, b
        Scores of the pairs (pairs, n).

    Notes
    -----
    DeLong's variance: an AUROC is a mean of placement values, and so is a mean of differences.
    """
    _, v10_a, v01_a = structural_components(labels, a)
    _, v10_b, v01_b = structural_components(labels, b)
    parts = [(v10_a - v10_b).mean(axis=0), (v01_a - v01_b).mean(axis=0)]
    return float(sum(part.var(ddof=1) / len(part) for part in parts))


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
    """
    runs = run_variance(np.asarray(differences, dtype=float), draws, seeds)
    return judge(
        float(np.mean(differences)),
        row_variance=row_variance,
        run_variance=runs.variance,
        degrees=runs.degrees,
    )


def judge(
    difference: float, *, row_variance: float, run_variance: float, degrees: float
) -> MeanDifference:
    """Return a difference with its interval and p-value, uncertain by rows and by trainings.

    Parameters
    ----------
    difference
        Estimated.
    row_variance
        Its variance over draws of test rows; from hundreds of rows, and so taken as known.
    run_variance
        Its variance over trainings, estimated from few.
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

    most = float(sizes.max()) * 4
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
    names = list(dict.fromkeys(levels))
    at = np.array([names.index(level) for level in levels])
    return np.bincount(at, weights=values) / np.bincount(at)


def _expected(values: np.ndarray, levels: Sequence[object]) -> np.ndarray:
    """Return, for each value, the mean at its level."""
    names = list(dict.fromkeys(levels))
    return _levels(values, levels)[[names.index(level) for level in levels]]
