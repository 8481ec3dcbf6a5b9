"""Tests of differences between models over tasks: Friedman's for ranks, Nemenyi's for pairs.

After Demšar, Statistical comparisons of classifiers over multiple data sets, JMLR 7 (2006) 1-30.
The p-value of Friedman's statistic is obtained by permuting the ranks within tasks, which is also
valid for few tasks; the p-values of pairs (scikit-posthocs) are approximate for few tasks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

LEAST_TASKS = 3
"""Minimum number of tasks for a test."""
PERMUTATIONS = 9_999


class RankTests(NamedTuple):
    """Ranks of models over tasks, and their tests."""

    tasks: list[str]
    """Tasks on which all of the models have a score."""
    models: list[str]
    """Models with at least one score."""
    ranks: pd.Series
    """Mean rank by model; 1 is the best, and ties share their mean rank. nan if the models have no
    task in common."""
    statistic: float | None = None
    """Friedman's chi-square; None: not tested."""
    p: float = float("nan")
    """P-value of Friedman's statistic."""
    pairs: pd.DataFrame | None = None
    """Nemenyi's p-value of each pair, for at least three models; None: not tested."""


def compare_ranks(matrix: pd.DataFrame) -> RankTests:
    """Rank models by their scores on each task, and test whether they differ.

    Parameters
    ----------
    matrix
        Scores, tasks by models, higher is better; nan if a model has no score.

    Returns
    -------
    tests
        Ranks and tests over the tasks on which all models with any score have one. There is no
        test for fewer than `LEAST_TASKS` tasks or fewer than two models; pairs are tested for at
        least three models.
    """
    models = [str(name) for name in matrix.columns if matrix[name].notna().any()]
    whole = matrix[models].dropna()
    ranks = whole.rank(axis=1, ascending=False).mean()
    found = RankTests([str(task) for task in whole.index], models, ranks)
    if len(whole) < LEAST_TASKS or len(models) < 2:
        return found
    statistic, p = friedman(whole.to_numpy())
    pairs = None
    if len(models) > 2:
        # Imported here because it imports a plotting library, which takes seconds.
        from scikit_posthocs import posthoc_nemenyi_friedman

        pairs = posthoc_nemenyi_friedman(whole.to_numpy())
        pairs.index = pairs.columns = pd.Index(models)
    return found._replace(statistic=statistic, p=p, pairs=pairs)


def friedman(scores: np.ndarray) -> tuple[float, float]:
    """Return Friedman's chi-square with correction for ties, and its p-value by permutation.

    All permutations are used if they are fewer than `PERMUTATIONS`. Scores have shape (tasks, models), with
    at least two models.
    """
    from scipy import stats

    ranks = stats.rankdata(-scores, axis=1)
    num_tasks, num_models = ranks.shape
    total = num_tasks * (num_models + 1) / 2
    # Permutations do not change the set of ranks within a task; only the sums over tasks vary.
    scale = ((ranks - (num_models + 1) / 2) ** 2).sum()
    if scale == 0:
        return 0.0, 1.0

    def statistic(*columns: np.ndarray, axis: int) -> np.ndarray:
        sums = np.stack([column.sum(axis=axis) for column in columns])
        return (num_models - 1) * ((sums - total) ** 2).sum(axis=0) / scale

    found = stats.permutation_test(
        tuple(ranks.T),
        statistic,
        permutation_type="samples",
        alternative="greater",
        n_resamples=PERMUTATIONS,
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    return float(found.statistic), float(found.pvalue)
