"""Tests of whether one training setting is better than another, over test rows and seeds.

Users who choose a tokenizer will train a new model with it. A difference between two cells must
therefore be larger than the variation between test rows and between seeds. The mean of a metric
over the seeds is compared. Its uncertainty has two parts: that of the test rows, which all
training runs share, is estimated from the influence of each row (for AUROC, DeLong's placement
values); that of the seeds is estimated from their scatter, pooled over the two sides, which
therefore have equally many seeds. With two or three seeds the scatter is poorly known;
:func:`dnasweep.sweeps.mean_differences.compare_means` allows for that.
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
from dnasweep.tasks.influence import Measured
from dnasweep.tasks.registry import BINARY
from dnasweep.tasks.task import Task

Floats = NDArray[np.float64]
BySeed = Mapping[int, TestScores]
"""Test scores of the trials of one cell, by seed."""

MIN_SEEDS = 2
"""Minimum number of seeds; with one seed, the scatter over seeds is unknown."""


class OverSeeds(NamedTuple):
    """Comparison of two sides by their means over seeds."""

    a: float
    """Mean over the seeds of the first side."""
    b: float
    """Mean over the seeds of the second side."""
    difference: float
    """a - b."""
    low: float
    """Lower end of the 95 % interval of the difference, over rows and seeds; nan if a side has
    only one seed."""
    high: float
    """Upper end of this interval."""
    p_value: float
    """Two-sided p-value; nan if a side has only one seed."""


class Side(NamedTuple):
    """Predictions of one side's training runs on the rows of one stratum, such as a species."""

    scores: Floats
    """Predictions in the form of :meth:`dnasweep.tasks.task.Task.scores`: the probability of label
    1 (runs, n), or (runs, n, outputs)."""
    thresholds: Floats
    """Thresholds; scores at or above them are called positive (runs,), or (runs, outputs)."""


class Stratum(NamedTuple):
    """Rows scored by both sides."""

    labels: NDArray[np.int64]
    """True labels (n,), or outputs (n, outputs)."""
    a: Side
    b: Side
    task: Task = BINARY
    """Task of the models."""

    def measure(self, metric: str) -> Measured:
        """Return a metric of all training runs, first those of side a, then those of side b."""
        scores = np.concatenate([self.a.scores, self.b.scores])
        thresholds = np.concatenate([self.a.thresholds, self.b.thresholds])
        return self.task.influence(metric, self.labels, scores, thresholds)

    @property
    def testable(self) -> bool:
        """Whether there are enough rows to test a difference, such as two of each class."""
        return self.task.testable(self.labels)


def equal_seeds(a: Sequence[int], b: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return equally many seeds of each side, starting with those that both have."""
    both = sorted(set(a) & set(b))
    orders = [both + sorted(set(own) - set(both)) for own in (a, b)]
    num = min(map(len, orders))
    return orders[0][:num], orders[1][:num]


def stratum(a: Sequence[TestScores], b: Sequence[TestScores]) -> Stratum:
    """Return the rows that all training runs have scored; `b` may be empty.

    Raises
    ------
    ValueError
        If labels of the same rows differ.
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
            np.array([one.scores for one in side]).reshape(len(side), *(every[0].scores.shape)),
            np.array([one.threshold for one in side]).reshape(
                len(side), *np.shape(every[0].threshold)
            ),
        )
        for side in (every[: len(a)], every[len(a) :])
    ]
    return Stratum(labels, sides[0], sides[1], every[0].task)


def _only(scores: TestScores, ids: np.ndarray) -> TestScores:
    rows = rows_of(scores, ids)
    return replace(scores, ids=ids, labels=scores.labels[rows], scores=scores.scores[rows])


def over_seeds(strata: Sequence[Stratum], metric: str, *, fixed: bool = False) -> OverSeeds:
    """Compare two sides by the mean of a metric over seeds and strata.

    Parameters
    ----------
    strata
        Rows with the predictions of both sides, which have equally many training runs; run i of a
        side has the same seed in every stratum. All strata have equal weight, regardless of their
        numbers of rows.
    metric
        One of the metrics for which the task has tests, such as `mcc` or `auroc`.
    fixed
        Whether the second side is a single model that does not depend on a seed, such as a
        logistic regression.

    Notes
    -----
    With rows and seeds crossed, the variance of the mean of s training runs is r + v / s: r is the variance over rows that all runs of a side share, and v is the variance between seeds, including the interaction of rows and seeds. Thus r is the variance of the means over rows, minus the part that is not shared, which v includes.
    """
    measured = [one.measure(metric) for one in strata]
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


def _own(covariance: Floats, side: NDArray[np.int64]) -> float:
    """Return the part of a mean's variance over rows that its training runs do not share."""
    block = covariance[np.ix_(side, side)]
    num = len(side)
    alone = np.trace(block) / num
    together = (block.sum() - np.trace(block)) / (num * (num - 1))
    return max(0.0, float(alone - together)) / num
