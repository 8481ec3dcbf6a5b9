"""Scores on test rows with and without a twin in train are those of these rows, and are told."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from dnasweep.report.provenance import SweepFrame
from dnasweep.report.render import render
from dnasweep.report.sweep_page import sweep_page
from dnasweep.stages.scores import TestScores
from dnasweep.sweeps.selection import compare, select
from dnasweep.sweeps.twin_scores import twin_scores
from sklearn.metrics import matthews_corrcoef
from sweep_toys import baseline, sweep

IDS = np.array([f"r{i}" for i in range(40)])
LABELS = np.arange(40) % 2


def _knows(rows: slice) -> TestScores:
    """Scores that are right on some rows and always positive elsewhere."""
    scores = np.full(40, 0.9)
    scores[rows] = np.where(LABELS[rows] == 1, 0.9, 0.1)
    return TestScores(ids=IDS, labels=LABELS, scores=scores)


def _mcc(one: TestScores, rows: np.ndarray) -> float:
    called = one.scores[rows] >= one.threshold
    return float(matthews_corrcoef(one.labels[rows], called))


def test_a_model_that_knows_twins_by_heart_is_seen():
    trial = dataclasses.replace(select(sweep())[0], test_scores=_knows(slice(0, 20)))
    reference = dataclasses.replace(baseline(), test_scores=_knows(slice(0, 40)))
    found = twin_scores([trial], [reference], [*IDS[:20], "elsewhere"], "mcc")
    assert found["cell"].tolist() == [trial.label, reference.name]
    assert found["num_with"].tolist() == found["num_without"].tolist() == [20, 20]
    assert found["with_twin"].tolist() == [1, 1]
    assert found["without_twin"].tolist() == [0, 1]
    assert twin_scores([trial], [reference], [], "mcc").empty
    assert twin_scores([trial], [reference], IDS[:19], "mcc").empty
    # Rows of one class have no metric.
    one_class = twin_scores([trial], [], IDS[1::2].tolist(), "auroc")
    assert one_class["with_twin"].isna().all()


def test_a_compared_sweep_tells_both_scores_of_the_winner_and_the_baseline(tmp_path):
    cells, reference = sweep(), baseline()
    assert reference.test_scores is not None
    known = reference.test_scores.ids[::3].tolist()
    result = compare(cells, baselines=[reference], twins=known, num_resamples=50)
    table = result.by_twins.set_index("cell")
    assert table.index.tolist() == [*result.selected["cell"], reference.name]
    top = result.selected["cell"].iloc[0]
    tested = [c.test_scores for c in select(cells) if c.label == top and c.test_scores is not None]
    marks = [np.isin(one.ids, known) for one in tested]
    expected = np.mean([_mcc(one, mark) for one, mark in zip(tested, marks, strict=True)])
    assert table.loc[top, "with_twin"] == pytest.approx(expected)
    expected = np.mean([_mcc(one, ~mark) for one, mark in zip(tested, marks, strict=True)])
    assert table.loc[top, "without_twin"] == pytest.approx(expected)
    told = [one for one in result.findings if "have a twin in train" in one]
    assert len(told) == 1
    assert top in told[0]
    assert reference.name in told[0]
    path = result.to_csv(tmp_path / "comparison.csv")
    assert len(pd.read_csv(path.with_name("comparison_by_twins.csv"))) == len(table)
    page = render(sweep_page(result, SweepFrame(title="toy"), cells=cells))
    assert "Test MCC on rows with a twin in train" in page
    without = compare(cells, baselines=[reference], num_resamples=50)
    assert without.by_twins.empty
    assert not [one for one in without.findings if "twin" in one]
