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
from dnasweep.tasks.influence import Measured
from dnasweep.tasks.registry import BINARY
from dnasweep.tasks.task import Task

Floats = NDArray[np.float64]
BySeed = Mapping[int, TestScores]
"""Test scores of the trainings of one cell, by seed."""

MIN_SEEDS = 2
"""Of one seed the scatter over seeds cannot be seen."""


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
    """What was predicted, as :meth:`dnasweep.tasks.task.Task.scores` has it: the probability of label 1
    (trainings, n), or (trainings, n, outputs)."""
    thresholds: Floats
    """Of calls: scores at or above it are called positive (trainings,), or (trainings, outputs)."""


class Stratum(NamedTuple):
    """Rows that both sides have scored."""

    labels: NDArray[np.int64]
    """True labels (n,), or outputs (n, outputs)."""
    a: Side
    b: Side
    task: Task = BINARY
    """What was learned."""

    def measure(self, metric: str) -> Measured:
        """Return a metric of the trainings of both sides, one after the other."""
        scores = np.concatenate([self.a.scores, self.b.scores])
        thresholds = np.concatenate([self.a.thresholds, self.b.thresholds])
        return self.task.influence(metric, self.labels, scores, thresholds)

    @property
    def testable(self) -> bool:
        """Whether there are rows enough to test a difference, such as two of each class."""
        return self.task.testable(self.labels)


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
        Rows with the trainings of both sides, training i of a side of the same seed in every
        stratum, equally many of either side. Strata count alike, however many rows they have.
    metric
        One of those that the task tests by, such as `mcc` or `auroc`.
    fixed
        Whether the second side is one training that no seed would change, such as a logistic
        regression.

    Notes
    -----
    Over rows and seeds, crossed, the mean of s trainings varies by r + v / s: r is what all
    trainings of a side share, v the variance between seeds with what rows and seeds do together. So
    r is the variance over rows of the means, less the part of it that is not shared, which v has.
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
    """Return the part of the variance over rows of a side's mean that its trainings do not share."""
    block = covariance[np.ix_(side, side)]
    num = len(side)
    alone = np.trace(block) / num
    together = (block.sum() - np.trace(block)) / (num * (num - 1))
    return max(0.0, float(alone - together)) / num
