"""Influence of each test row on a metric: the basis of all tests between models on the same rows.

A metric is a function of the distribution of rows, and its influence function describes how much
an additional row would change it (the infinitesimal jackknife; F. Hampel, J. Am. Stat. Assoc. 69,
1974). Influences are scaled here so that their products, summed over rows, are the covariances
over draws of rows between the metrics of training runs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Measured(NamedTuple):
    """A metric of each training run, with the influence of each row."""

    values: Floats
    """Values of the metric, (runs,)."""
    influence: Floats
    """Influence of each row, (runs, n); products summed over rows are the covariances between the
    metrics of the runs over draws of rows."""


def mean_of(parts: list[Measured]) -> Measured:
    """Return the mean of several metrics of the same training runs, such as one for each class."""
    return Measured(
        np.mean([one.values for one in parts], axis=0),
        np.mean([one.influence for one in parts], axis=0),
    )


def scaled(values: Floats, influence: Floats) -> Measured:
    """Return values with their influence functions at each row, (runs, n), divided by n."""
    num = influence.shape[1]
    return Measured(values, influence / np.sqrt(num * (num - 1)))


def structural_components(
    labels: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the AUROC and its placement values, by mid-ranks.

    Parameters
    ----------
    labels
        True labels, 0 or 1, shape (n,).
    scores
        Scores (models, n).

    Returns
    -------
    auroc
        (models,).
    v10
        For each positive, the fraction of negatives that it outranks, counting ties as one half
        (models, positives).
    v01
        For each negative, the fraction of positives that outrank it (models, negatives).

    Notes
    -----
    X. Sun and W. Xu, Fast implementation of DeLong's algorithm, IEEE Signal Processing Letters 21
    (2014): O(n log n) instead of one comparison for each pair.
    """
    # Imported here because it imports slowly and jobs need only the task.
    from scipy import stats

    positive = as_binary(labels)
    num_positive = int(positive.sum())
    num_negative = len(positive) - num_positive
    if not num_positive or not num_negative:
        raise ValueError("an AUROC needs rows of both classes")
    if not np.isfinite(scores).all():
        raise ValueError("scores must be finite")
    rank_all = stats.rankdata(scores, axis=1)
    rank_positive = stats.rankdata(scores[:, positive], axis=1)
    rank_negative = stats.rankdata(scores[:, ~positive], axis=1)
    v10 = (rank_all[:, positive] - rank_positive) / num_negative
    v01 = 1.0 - (rank_all[:, ~positive] - rank_negative) / num_positive
    return v10.mean(axis=1), v10, v01


def auroc_influence(labels: NDArray[np.int64], scores: Floats) -> Measured:
    """Return AUROCs with the influence of each row, by DeLong's placement values.

    Parameters
    ----------
    labels
        True labels, 0 or 1, shape (n,).
    scores
        Scores (runs, n).
    """
    values, v10, v01 = structural_components(labels, scores)
    influence = np.zeros(scores.shape)
    for cls, placed in ((1, v10), (0, v01)):
        num = placed.shape[1]
        spread = placed - placed.mean(axis=1, keepdims=True)
        influence[:, labels == cls] = spread / np.sqrt(num * (num - 1))
    return Measured(values, influence)


def mcc(true_positive: np.ndarray, called: np.ndarray, actual: np.ndarray, num: int) -> np.ndarray:
    """Return Matthews correlation from counts, elementwise; 0 if a margin is empty.

    Parameters
    ----------
    true_positive
        Number of rows with label 1 called 1.
    called
        Number of rows called 1.
    actual
        Number of rows with label 1.
    num
        Total number of rows.
    """
    tp, pp, ap = (np.asarray(x, dtype=float) for x in (true_positive, called, actual))
    below = pp * (num - pp) * ap * (num - ap)
    return np.divide(num * tp - pp * ap, np.sqrt(below), out=np.zeros_like(below), where=below > 0)


def mcc_influence(labels: NDArray[np.int64], calls: NDArray[np.bool_]) -> Measured:
    """Return Matthews correlations with the influence of each row, by the infinitesimal jackknife.

    Parameters
    ----------
    labels
        True labels, 0 or 1, shape (n,).
    calls
        Labels called by each training run (runs, n).

    Notes
    -----
    MCC is the correlation of two binary variables, so its influence function is that of Pearson's r:
    z_x z_y - r (z_x^2 + z_y^2) / 2 (S. Devlin, R. Gnanadesikan and J. Kettenring, Biometrika 62,
    1975). It is 0 if all rows have the same call.
    """
    actual, called = labels.astype(float), calls.astype(float)
    num = len(labels)
    values = mcc((called * actual).sum(1), called.sum(1), actual.sum(), num)
    x = (actual - actual.mean()) / actual.std()
    spread = called.std(axis=1, keepdims=True)
    y = np.divide(
        called - called.mean(axis=1, keepdims=True),
        spread,
        out=np.zeros_like(called),
        where=spread > 0,
    )
    moved = x * y - values[:, None] * (x**2 + y**2) / 2
    return scaled(values, np.where(spread > 0, moved, 0.0))


def classes_mcc_influence(
    labels: NDArray[np.int64], calls: NDArray[np.int64], num_classes: int
) -> Measured:
    """Return Matthews correlations of several classes with the influence of each row.

    Parameters
    ----------
    labels
        Class numbers, shape (n,).
    calls
        Class numbers called by each training run (runs, n).
    num_classes
        Number of classes.

    Notes
    -----
    Gorodkin's R_K (Comput. Biol. Chem. 28, 2004) is a function of the table of classes and calls,
    as fractions of rows; its influence function is the gradient at a row's cell of this table,
    minus the mean over rows.
    """
    num = len(labels)
    values, moved = np.zeros(len(calls)), np.zeros(calls.shape)
    actual = np.bincount(labels, minlength=num_classes) / num
    for one, called in enumerate(calls):
        share = np.bincount(called, minlength=num_classes) / num
        right = (labels == called).astype(float)
        above = right.mean() - share @ actual
        spread_called, spread_actual = 1 - share @ share, 1 - actual @ actual
        if spread_called <= 0 or spread_actual <= 0:
            continue
        root = np.sqrt(spread_called * spread_actual)
        values[one] = above / root
        gradient = (right - actual[called] - share[labels]) / root
        gradient += values[one] * (share[called] / spread_called + actual[labels] / spread_actual)
        moved[one] = gradient - gradient.mean()
    return scaled(values, moved)


def as_binary(values: np.ndarray) -> NDArray[np.bool_]:
    """Return labels or calls as booleans; raises `ValueError` unless all are 0 or 1."""
    array = np.asarray(values)
    if array.size and not np.isin(array, (0, 1)).all():
        raise ValueError("labels and predictions must be 0 or 1")
    return array.astype(bool)
