"""Is one choice better than another? Tests between two ways of training, over test rows and seeds.

Whoever chooses a tokenizer will train it anew. So a difference between two cells has to be larger
than what other test rows and what other seeds would make of it. What is compared is the mean of a
metric over the seeds. Its uncertainty has two parts: that of the test rows, which all trainings
share, from the influence of each row (AUROC: DeLong's placement values); and that of the seeds, from
their scatter, pooled over the two sides, which therefore have equally many seeds. Of two or three
seeds the scatter itself is hardly known; :func:`dnasweep.sweeps.mean_differences.compare_means` allows for that.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.stages.scores import TestScores
from dnasweep.sweeps.cell_results import rows_of
from dnasweep.sweeps.mean_differences import compare_means
from dnasweep.sweeps.statistics import mcc, structural_components

Floats = NDArray[np.float64]
BySeed = Mapping[int, TestScores]
"""Test scores of the trainings of one cell, by seed."""

MIN_SEEDS = 2
"""Of one seed the scatter over seeds cannot be seen."""
METRICS = ("mcc", "auroc")


class OverSeeds(NamedTuple):
    """Means over seeds of two sides, compared."""

    a: float
    """Mean over the seeds of the one side."""
    b: float
    """Mean over the seeds of the other."""
    difference: float
    """a - b."""
    low: float
    """Lower end of the 95 % interval of the difference, for other rows and other seeds; nan where
    a side has one seed only."""
    high: float
    """Upper end."""
    p_value: float
    """Two-sided; nan where a side has one seed only."""


class Side(NamedTuple):
    """One side's trainings on the rows of one stratum, such as a species."""

    scores: Floats
    """Probability of label 1 (trainings, n)."""
    thresholds: Floats
    """Scores at or above them are called positive (trainings,)."""


class Stratum(NamedTuple):
    """Rows that both sides have scored."""

    labels: NDArray[np.int64]
    """True labels (n,), 0 or 1."""
    a: Side
    b: Side


class Measured(NamedTuple):
    """A metric of each training."""

    values: Floats
    """(trainings,)."""
    influence: Floats
    """(trainings, n) how far each row moves it; their products summed over rows are the covariance
    of the trainings' metrics over draws of rows."""


def equal_seeds(a: Sequence[int], b: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return equally many seeds of either side, those that both have first."""
    both = sorted(set(a) & set(b))
    orders = [both + sorted(set(own) - set(both)) for own in (a, b)]
    num = min(map(len, orders))
    return orders[0][:num], orders[1][:num]


def stratum(a: Sequence[TestScores], b: Sequence[TestScores]) -> Stratum:
    """Return the rows that all trainings have scored; `b` may be empty.

    Raises
    ------
    ValueError
        Where labels of the same rows differ.
    """
    every = [*a, *b]
    if any(not np.array_equal(every[0].ids, other.ids) for other in every[1:]):
        ids = functools.reduce(np.intersect1d, [one.ids for one in every])
        every = [_only(one, ids) for one in every]
    labels = every[0].labels
    if any(not np.array_equal(labels, other.labels) for other in every[1:]):
        raise ValueError("two cells have different labels for the same test rows")
    sides = [
        Side(
            np.array([one.scores for one in side]).reshape(len(side), len(labels)),
            np.array([one.threshold for one in side]),
        )
        for side in (every[: len(a)], every[len(a) :])
    ]
    return Stratum(labels, *sides)


def _only(scores: TestScores, ids: np.ndarray) -> TestScores:
    rows = rows_of(scores, ids)
    return replace(scores, ids=ids, labels=scores.labels[rows], scores=scores.scores[rows])


def has_both_classes(one: Stratum) -> bool:
    """Return whether there are two rows of either class, and none of another."""
    counts = [int(np.sum(one.labels == label)) for label in (0, 1)]
    return min(counts) >= 2 and sum(counts) == len(one.labels)


def over_seeds(strata: Sequence[Stratum], metric: str, *, fixed: bool = False) -> OverSeeds:
    """Compare two sides by the mean of a metric over seeds and strata.

    Parameters
    ----------
    strata
        Rows with the trainings of both sides, training i of a side of the same seed in every
        stratum, equally many of either side. Strata count alike, however many rows they have.
    metric
        `mcc` or `auroc`.
    fixed
        Whether the second side is one training that no seed would change, such as a logistic
        regression.

    Notes
    -----
    Over rows and seeds, crossed, the mean of s trainings varies by r + v / s: r is what all
    trainings of a side share, v the variance between seeds with what rows and seeds do together. So
    r is the variance over rows of the means, less the part of it that is not shared, which v has.
    """
    measured = [_measured(one, metric) for one in strata]
    num = len(strata[0].a.scores)
    values = np.mean([one.values for one in measured], axis=0)
    covariance = np.sum([one.influence @ one.influence.T for one in measured], axis=0)
    covariance = covariance / len(strata) ** 2
    sides = [np.arange(num), np.arange(num, len(values))]
    weights = np.concatenate([np.full(num, 1 / num), np.full(len(sides[1]), -1 / len(sides[1]))])
    mean_a, mean_b = (float(values[side].mean()) for side in sides)
    if num < MIN_SEEDS:
        return OverSeeds(mean_a, mean_b, mean_a - mean_b, np.nan, np.nan, np.nan)
    varied = sides[:1] if fixed else sides
    shared = weights @ covariance @ weights - sum(_own(covariance, side) for side in varied)
    scatter = float(np.mean([values[side].var(ddof=1) for side in varied]))
    compared = compare_means(
        mean_a - mean_b,
        row_variance=max(0.0, float(shared)),
        run_variance=len(varied) * scatter / num,
        degrees=len(varied) * (num - 1),
    )
    return OverSeeds(mean_a, mean_b, *compared)


def _measured(one: Stratum, metric: str) -> Measured:
    scores = np.concatenate([one.a.scores, one.b.scores])
    if metric == "auroc":
        return auroc_influence(one.labels, scores)
    thresholds = np.concatenate([one.a.thresholds, one.b.thresholds])
    return mcc_influence(one.labels, scores >= thresholds[:, None])


def auroc_influence(labels: NDArray[np.int64], scores: Floats) -> Measured:
    """Return AUROCs with the influence of each row, by DeLong's placement values."""
    values, v10, v01 = structural_components(labels, scores)
    influence = np.zeros(scores.shape)
    for cls, placed in ((1, v10), (0, v01)):
        num = placed.shape[1]
        spread = placed - placed.mean(axis=1, keepdims=True)
        influence[:, labels == cls] = spread / np.sqrt(num * (num - 1))
    return Measured(values, influence)


def mcc_influence(labels: NDArray[np.int64], calls: NDArray[np.bool_]) -> Measured:
    """Return Matthews correlations with the influence of each row, by the infinitesimal jackknife.

    Parameters
    ----------
    labels
        True labels (n,), 0 or 1.
    calls
        Labels called by each training (trainings, n).

    Notes
    -----
    MCC is the correlation of two binary variables, so its influence function is that of Pearson's r:
    z_x z_y - r (z_x^2 + z_y^2) / 2 (S. Devlin, R. Gnanadesikan and J. Kettenring, Biometrika 62,
    1975). It is 0 where all rows are called alike.
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
    return Measured(values, np.where(spread > 0, moved, 0.0) / np.sqrt(num * (num - 1)))


def _own(covariance: Floats, side: NDArray[np.int64]) -> float:
    """Return the part of the variance over rows of a side's mean that its trainings do not share."""
    block = covariance[np.ix_(side, side)]
    num = len(side)
    alone = np.trace(block) / num
    together = (block.sum() - np.trace(block)) / (num * (num - 1))
    return max(0.0, float(alone - together)) / num
