"""Tests over test rows and seeds: influence of rows, known limits, and what few seeds allow."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from dnasweep.data.labels import Labels
from dnasweep.sweeps.cell_results import TestScores
from dnasweep.sweeps.mean_differences import compare_means
from dnasweep.sweeps.pairs import paired_test
from dnasweep.sweeps.row_tests import delong_test
from dnasweep.sweeps.seed_tests import (
    Side,
    Stratum,
    equal_seeds,
    over_seeds,
    stratum,
)
from dnasweep.tasks.influence import auroc_influence, mcc, mcc_influence
from scipy import stats
from sklearn.metrics import matthews_corrcoef, roc_auc_score


def toy(num: int = 500, seeds: int = 3, *, signals: np.ndarray | None = None) -> Stratum:
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.arange(num) % 2)
    if signals is None:
        signals = np.ones((2, seeds))
    shared = rng.normal(size=num)
    logits = signals[:, :, None] * (2 * labels - 1) + shared
    logits = logits + 0.6 * rng.normal(size=logits.shape)
    scores = 1 / (1 + np.exp(-logits))
    return Stratum(labels, *(Side(one, np.full(len(one), 0.5)) for one in scores))


def test_the_influence_of_rows_on_auroc_is_delongs_variance() -> None:
    one = toy(seeds=1)
    found = auroc_influence(one.labels, np.concatenate([one.a.scores, one.b.scores]))
    weights = np.array([1.0, -1.0])
    expected = delong_test(one.labels, one.a.scores[0], one.b.scores[0])
    covariance = found.influence @ found.influence.T
    assert weights @ covariance @ weights == pytest.approx(expected.variance)
    assert found.values[0] == pytest.approx(roc_auc_score(one.labels, one.a.scores[0]))


def test_the_influence_of_rows_on_mcc_is_the_bootstraps_variance() -> None:
    one = toy(num=1000)
    calls = np.concatenate([one.a.scores, one.b.scores]) >= 0.5
    found = mcc_influence(one.labels, calls)
    assert found.values[1] == pytest.approx(matthews_corrcoef(one.labels, calls[1]))
    rows = np.random.default_rng(1).integers(1000, size=(3000, 1000))
    actual = one.labels[rows]
    drawn = []
    for called in calls.astype(int):
        hits = (called[rows] * actual).sum(axis=1)
        drawn.append(mcc(hits, called[rows].sum(axis=1), actual.sum(axis=1), 1000))
    expected = np.cov(drawn)
    assert found.influence @ found.influence.T == pytest.approx(expected, rel=0.15, abs=2e-5)


def test_a_training_that_calls_all_rows_alike_moves_with_none() -> None:
    found = mcc_influence(np.array([0, 1, 0, 1]), np.ones((1, 4), bool))
    assert found.values.tolist() == [0.0]
    assert not found.influence.any()


def test_where_seeds_are_all_that_matters_it_is_the_t_test() -> None:
    signals = np.array([[0.4, 0.9, 1.2], [0.3, 0.5, 0.6]])
    one = toy(num=40_000, signals=signals)
    values = [
        [roc_auc_score(one.labels, scores) for scores in side.scores] for side in (one.a, one.b)
    ]
    found = over_seeds([one], "auroc")
    assert found.p_value == pytest.approx(stats.ttest_ind(*values).pvalue, rel=0.02)
    assert found.difference == pytest.approx(np.mean(values[0]) - np.mean(values[1]))
    assert found.low < found.difference < found.high


def test_against_what_no_seed_changes_it_is_the_t_test_of_one_sample() -> None:
    one = toy(num=40_000, signals=np.array([[0.4, 0.9, 1.2], [0.3, 0.3, 0.3]]))
    fixed = one._replace(b=Side(one.b.scores[:1], one.b.thresholds[:1]))
    values = [roc_auc_score(one.labels, scores) for scores in one.a.scores]
    level = roc_auc_score(one.labels, fixed.b.scores[0])
    found = over_seeds([fixed], "auroc", fixed=True)
    assert found.p_value == pytest.approx(stats.ttest_1samp(values, level).pvalue, rel=0.02)


def test_where_rows_are_all_that_matters_it_is_delongs_test() -> None:
    one = toy(num=200, seeds=1)
    seeds = 4
    same = Stratum(
        one.labels,
        Side(np.repeat(one.a.scores, seeds, axis=0), np.full(seeds, 0.5)),
        Side(np.repeat(one.b.scores, seeds, axis=0), np.full(seeds, 0.5)),
    )
    expected = delong_test(one.labels, one.a.scores[0], one.b.scores[0])
    assert over_seeds([same], "auroc").p_value == pytest.approx(expected.p_value)


def test_strata_count_alike_however_many_rows_they_have() -> None:
    few, many = toy(num=40, signals=np.full((2, 3), 2.0)), toy(num=4000)
    found = over_seeds([few, many], "mcc")
    single = [over_seeds([one], "mcc").difference for one in (few, many)]
    assert found.difference == pytest.approx(np.mean(single))


def test_one_seed_has_a_difference_and_no_verdict() -> None:
    found = over_seeds([toy(seeds=1)], "mcc")
    assert np.isfinite(found.difference)
    assert np.isnan([found.low, found.high, found.p_value]).all()


def test_of_either_side_as_many_seeds_are_taken_those_of_both_first() -> None:
    assert equal_seeds([0, 1, 2], [2, 3]) == ([2, 0], [2, 3])
    assert equal_seeds([4], [0, 1, 2]) == ([4], [0])
    assert equal_seeds([2, 1], [1, 2]) == ([1, 2], [1, 2])


def by_seed(side: Side, labels: np.ndarray) -> dict[int, TestScores]:
    ids = np.array([f"row{i}" for i in range(len(labels))])
    return {
        seed: TestScores(ids=ids, labels=labels, scores=scores, threshold=0.5)
        for seed, scores in enumerate(side.scores)
    }


def test_a_cell_of_which_a_seed_failed_is_compared_over_as_many_seeds() -> None:
    one = toy(seeds=3)
    a, b = by_seed(one.a, one.labels), by_seed(one.b, one.labels)
    del b[1]
    found = paired_test(a, b)
    assert found["num_seeds"] == 2
    expected = paired_test({0: a[0], 2: a[2]}, b)
    assert found == pytest.approx(expected)
    lone = paired_test(a, {5: b[0]})
    assert lone["num_seeds"] == 1
    assert np.isnan(lone["mcc_p"])
    assert np.isfinite(lone["ensemble_mcc_p"])


def test_a_baseline_meets_all_seeds() -> None:
    one = toy(seeds=3)
    found = paired_test(by_seed(one.a, one.labels), {0: by_seed(one.b, one.labels)[0]}, fixed=True)
    assert found["num_seeds"] == 3
    assert np.isfinite(found["mcc_p"])


def test_rows_in_another_order_are_the_same_rows() -> None:
    one = toy(num=50, seeds=2)
    a, b = by_seed(one.a, one.labels), by_seed(one.b, one.labels)
    order = np.random.default_rng(1).permutation(50)[:40]
    mixed = dataclasses.replace(
        b[1], ids=b[1].ids[order], labels=b[1].labels[order], scores=b[1].scores[order]
    )
    found = stratum(list(a.values()), [b[0], mixed])
    assert len(found.labels) == 40
    where = [list(a[0].ids).index(name) for name in np.intersect1d(a[0].ids, mixed.ids)]
    assert np.array_equal(found.b.scores[1], b[1].scores[where])


@pytest.mark.parametrize("degrees", [1.0, 2.0, 4.0, 8.5])
@pytest.mark.parametrize("size", [0.5, 3.0, 12.0, 100.0])
def test_without_rows_the_error_is_students_t(degrees: float, size: float) -> None:
    found = compare_means(size, row_variance=0.0, run_variance=1.0, degrees=degrees)
    assert found.p_value == pytest.approx(2 * stats.t.sf(size, degrees), rel=1e-4)
    assert found.high - size == pytest.approx(stats.t.ppf(0.975, degrees), rel=1e-4)


def test_the_error_of_rows_and_trainings_is_the_sum_of_both() -> None:
    rng = np.random.default_rng(0)
    drawn = np.abs(1.5 * rng.normal(size=10**6) + 0.8 * rng.standard_t(2, size=10**6))
    found = compare_means(5.0, row_variance=2.25, run_variance=0.64, degrees=2)
    assert found.p_value == pytest.approx(np.mean(drawn > 5), rel=0.02)
    assert found.high - 5 == pytest.approx(np.quantile(drawn, 0.95), rel=0.01)


@pytest.mark.parametrize("degrees", [1.0, 1.3, 2.0, 40.0, 1e6])
@pytest.mark.parametrize("rows", [0.0, 1e-9, 1e-3, 10.0])
def test_an_interval_ends_where_p_is_a_twentieth(degrees: float, rows: float) -> None:
    how = {"row_variance": rows, "run_variance": 1e-4, "degrees": degrees}
    half = compare_means(0.0, **how).high
    assert compare_means(half, **how).p_value == pytest.approx(0.05, abs=1e-6)


def test_trainings_of_several_labels_are_measured_without_another_side() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (40, 2))
    about = Labels(task="multilabel", names=("HEK", "K562"))
    trainings = [
        TestScores(
            ids=np.arange(40), labels=labels, scores=rng.random((40, 2)), about=about,
            threshold=[0.5, 0.4],
        )
        for _ in range(3)
    ]  # fmt: skip
    together = stratum(trainings, [])
    apart = stratum(trainings[:2], trainings[2:])
    for metric in together.task.tested:
        np.testing.assert_array_equal(
            together.measure(metric).values, apart.measure(metric).values
        )
