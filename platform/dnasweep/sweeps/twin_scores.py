"""Scores of the selected cells on test rows with and without a twin in training.

A model that has memorised its training rows does well only on test rows with a twin.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dnasweep.stages.scores import TestScores
from dnasweep.sweeps.cell_results import BaselineResult, CellResult, bare
from dnasweep.sweeps.tables import grouped

WITH, WITHOUT = "with_twin", "without_twin"
"""Column names of the metric on test rows with and without a twin."""
FEWEST = 20
"""Minimum number of test rows with a twin for a statement about them."""


def twin_scores(
    chosen: Sequence[CellResult],
    baselines: Sequence[BaselineResult],
    twins: Collection[str],
    metric: str,
) -> pd.DataFrame:
    """Return one row per selected combination, in the order given, and baseline: cell, num_with,
    num_without (test rows), with_twin and without_twin (the metric, mean over seeds).

    The metric is missing if the rows have only one class. With fewer than 20 test rows that have a
    twin, the table is empty, because their score would be too uncertain.

    Parameters
    ----------
    chosen
        The selected trials, with their test scores.
    baselines
        References to include.
    twins
        Ids of the rows that have a twin in the training rows; see
        :class:`dnasweep.data.twins.Twins`.
    metric
        Bare name of the metric.
    """
    named = [
        (group[0].label, [cell.test_scores for cell in group if cell.test_scores is not None])
        for group in grouped(chosen, lambda cell: cell.combination)
    ]
    named += [(one.name, [one.test_scores]) for one in baselines if one.test_scores is not None]
    records: list[dict[str, Any]] = []
    known = pd.Index(list(twins))
    for name, scores in named:
        marks = [known.get_indexer(pd.Index(one.ids)) >= 0 for one in scores]
        if not marks or marks[0].sum() < FEWEST:
            continue
        records.append(
            {
                "cell": name,
                "num_with": int(marks[0].sum()),
                "num_without": int((~marks[0]).sum()),
                WITH: _mean(scores, marks, metric),
                WITHOUT: _mean(scores, [~mark for mark in marks], metric),
            }
        )
    return pd.DataFrame(records, columns=["cell", "num_with", "num_without", WITH, WITHOUT])


def _mean(scores: Sequence[TestScores], marks: Sequence[np.ndarray], metric: str) -> float:
    found = [_score(one, mark, metric) for one, mark in zip(scores, marks, strict=True)]
    return float(np.mean(found))


def _score(scores: TestScores, rows: np.ndarray, metric: str) -> float:
    task, targets = scores.task, scores.labels[rows]
    if not task.measurable(targets):
        return float("nan")
    thresholds = tuple(np.atleast_1d(scores.threshold).tolist())
    found = task.measure(targets, task.predicted(scores.scores[rows]), thresholds)
    return bare(found).get(metric, float("nan"))
