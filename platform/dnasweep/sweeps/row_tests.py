"""Paired tests of two trained models on the same test rows, and spread over seeds.

The tests are DeLong's for AUROC and a bootstrap for MCC. Tests of whether one training setting is
better than another are in :mod:`.seed_tests`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from dnasweep.tasks.influence import as_binary, mcc, structural_components


class DeLongResult(NamedTuple):
    """Comparison of two correlated AUROCs."""

    auroc_a: float
    auroc_b: float
    difference: float
    """auroc_a - auroc_b."""
    variance: float
    """Variance of the difference."""
    z: float
    p_value: float
    """Two-sided p-value."""


class BootstrapResult(NamedTuple):
    """Comparison of two MCCs on the same rows."""

    mcc_a: float
    mcc_b: float
    difference: float
    """mcc_a - mcc_b."""
    low: float
    """Lower end of the 95 % percentile interval of the difference."""
    high: float
    """Upper end of this interval."""
    p_value: float
    """Two-sided p-value."""


class Spread(NamedTuple):
    """Spread of a metric over seeds."""

    mean: float
    sd: float
    """Sample standard deviation; nan for fewer than two values."""
    num: int
    low: float
    """Lower end of the 95 % t interval of the mean; nan for fewer than two values."""
    high: float


def delong_test(labels: np.ndarray, scores_a: np.ndarray, scores_b: np.ndarray) -> DeLongResult:
    """Test whether two models have the same AUROC on the same rows.

    Parameters
    ----------
    labels
        True labels (n,), 0 or 1; at least two rows of each class.
    scores_a, scores_b
        Scores of the two models on these rows (n,), higher for label 1.

    Returns
    -------
    DeLongResult
        If the variance of the difference is 0 (equal rankings), p is 1 for equal AUROCs, else 0.

    Raises
    ------
    ValueError
        For labels other than 0 and 1, one class only, or unequal lengths.

    Notes
    -----
    E. DeLong, D. DeLong and D. Clarke-Pearson, Biometrics 44 (1988). The test is about these trained models on this population; :mod:`dnasweep.sweeps.seed_tests` accounts for repeated training.
    """
    if not len(labels) == len(scores_a) == len(scores_b):
        raise ValueError("labels and both scores must have one entry per row")
    scores = np.stack([scores_a, scores_b]).astype(float)
    auroc, v10, v01 = structural_components(labels, scores)
    if min(v10.shape[1], v01.shape[1]) < 2:
        raise ValueError("the variance of an AUROC needs two rows of each class")
    covariance = np.cov(v10) / v10.shape[1] + np.cov(v01) / v01.shape[1]
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    difference = float(auroc[0] - auroc[1])
    if variance <= 1e-15:
        variance, z = (
            0.0,
            0.0 if abs(difference) < 1e-12 else float(np.copysign(np.inf, difference)),
        )
    else:
        z = difference / float(np.sqrt(variance))
    p_value = float(2 * stats.norm.sf(abs(z)))
    return DeLongResult(float(auroc[0]), float(auroc[1]), difference, variance, z, p_value)


def bootstrap_mcc(
    labels: np.ndarray,
    predictions_a: np.ndarray,
    predictions_b: np.ndarray,
    *,
    num_resamples: int = 2000,
    seed: int = 0,
) -> BootstrapResult:
    """Test whether two models have the same MCC on the same rows, by a paired bootstrap.

    Parameters
    ----------
    labels
        True labels, 0 or 1, shape (n,).
    predictions_a, predictions_b
        Labels called by the two models (n,), 0 or 1.
    num_resamples
        Number of resamples of the rows, with replacement.
    seed
        Seed of the resampling.

    Returns
    -------
    BootstrapResult
        The p-value is twice the smaller tail of resampled differences at or beyond 0, with one
        added to the numerator and the denominator of each tail, so it is never below 2 /
        (num_resamples + 1). It is 1 if the predictions are the same.

    Notes
    -----
    A row belongs to one of eight kinds (label x call of a x call of b), so resampling the rows is
    one multinomial draw of eight counts. This is exactly the percentile bootstrap, without an index
    array.
    """
    actual, a, b = (as_binary(values) for values in (labels, predictions_a, predictions_b))
    if not len(actual) == len(a) == len(b):
        raise ValueError("labels and both predictions must have one entry per row")
    num = len(actual)
    kinds = 4 * actual.astype(int) + 2 * a.astype(int) + b.astype(int)
    counts = np.bincount(kinds, minlength=8)
    draws = np.random.default_rng(seed).multinomial(num, counts / num, size=num_resamples)
    resampled_a, resampled_b = _mccs(draws, num)
    differences = resampled_a - resampled_b
    # Sums of the same numbers may differ in their last digits.
    differences[np.abs(differences) < 1e-12] = 0.0
    low, high = np.quantile(differences, [0.025, 0.975])
    tails = [(np.sum(differences <= 0) + 1), (np.sum(differences >= 0) + 1)]
    p_value = min(1.0, 2 * min(tails) / (num_resamples + 1))
    mcc_a, mcc_b = (float(one[0]) for one in _mccs(counts[None, :], num))
    return BootstrapResult(mcc_a, mcc_b, mcc_a - mcc_b, float(low), float(high), float(p_value))


def spread(values: np.ndarray) -> Spread:
    """Return mean, sample standard deviation and the 95 % t interval of the mean, ignoring nan."""
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    num = len(known)
    if num == 0:
        return Spread(np.nan, np.nan, 0, np.nan, np.nan)
    mean = float(known.mean())
    if num == 1:
        return Spread(mean, np.nan, 1, np.nan, np.nan)
    sd = float(known.std(ddof=1))
    half = float(stats.t.ppf(0.975, num - 1)) * sd / num**0.5
    return Spread(mean, sd, num, mean - half, mean + half)


def half_width(standard_error: np.ndarray, num: np.ndarray) -> np.ndarray:
    """Return half of the 95 % t interval of means of `num` values; nan for fewer than two."""
    num = np.asarray(num, dtype=float)
    return stats.t.ppf(0.975, np.where(num > 1, num - 1, np.nan)) * np.asarray(standard_error)


def _mccs(counts: np.ndarray, num: int) -> tuple[np.ndarray, np.ndarray]:
    # Columns are 4 * label + 2 * call of a + call of b.
    actual = counts[:, 4:].sum(axis=1)
    called_a = counts[:, [2, 3, 6, 7]].sum(axis=1)
    called_b = counts[:, [1, 3, 5, 7]].sum(axis=1)
    return (
        mcc(counts[:, [6, 7]].sum(axis=1), called_a, actual, num),
        mcc(counts[:, [5, 7]].sum(axis=1), called_b, actual, num),
    )
