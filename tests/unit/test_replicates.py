"""Paired tests over repeated trainings: definitions, agreement with what is known, calibration."""

from __future__ import annotations

import numpy as np
import pytest
from dnasweep.report.replicates import (
    auroc_row_variance,
    mean_difference,
    resampled_mcc,
    run_variance,
)
from dnasweep.report.statistics import bootstrap_mcc, delong_test
from scipy import stats
from sklearn.metrics import matthews_corrcoef


def toy_calls(num: int = 400, runs: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, num)
    right = rng.random((runs, num)) < np.linspace(0.6, 0.9, runs)[:, None]
    return labels, np.where(right, labels, 1 - labels)


def test_the_bootstrap_resamples_the_same_rows_for_every_training() -> None:
    labels, calls = toy_calls()
    found = resampled_mcc(labels, np.concatenate([calls, calls[:1]]), num_resamples=50)
    assert found.shape == (50, 5)
    assert np.array_equal(found[:, 0], found[:, 4])
    rows = np.random.default_rng(0).integers(len(labels), size=(50, len(labels)))
    expected = [[matthews_corrcoef(labels[r], c[r]) for c in calls] for r in rows]
    assert np.allclose(found[:, :4], expected)


def test_the_bootstrap_agrees_with_the_one_of_two_models() -> None:
    labels, calls = toy_calls(2000)
    drawn = resampled_mcc(labels, calls, num_resamples=4000)
    pair = bootstrap_mcc(labels, calls[1], calls[2], num_resamples=4000)
    low, high = np.quantile(drawn[:, 1] - drawn[:, 2], [0.025, 0.975])
    assert (low, high) == pytest.approx((pair.low, pair.high), abs=0.006)


def test_a_resample_without_one_class_has_no_correlation() -> None:
    labels = np.array([0, 1])
    assert set(np.unique(resampled_mcc(labels, labels[None, :], num_resamples=99))) == {0.0, 1.0}


def test_one_pair_has_delongs_variance() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 300)
    a, b = labels + rng.normal(size=(2, 300))
    expected = delong_test(labels, a, b).variance
    assert auroc_row_variance(labels, a[None, :], b[None, :]) == pytest.approx(expected)


def test_draws_alone_give_the_paired_t_test() -> None:
    differences = np.array([0.1, 0.3, 0.2, 0.5])
    found = mean_difference(differences, range(4), [0] * 4, 0.0)
    expected = stats.ttest_1samp(differences, 0.0)
    interval = expected.confidence_interval()
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_seeds_of_one_draw_do_not_count_as_draws() -> None:
    # Three draws whose four seeds agree: the variance is that of three numbers, not of twelve.
    effects = np.array([0.1, 0.3, 0.5])
    draws, seeds = np.repeat(range(3), 4), np.tile(range(4), 3)
    found = run_variance(effects[draws], draws, seeds)
    assert found.variance == pytest.approx(effects.var(ddof=1) / 3)
    assert found.degrees == pytest.approx(2)


def test_crossed_effects_by_hand() -> None:
    # Draw means 1 and 3, seed means 1.5 and 2.5, nothing left over.
    differences = np.array([0.5, 1.5, 2.5, 3.5])
    found = run_variance(differences, [0, 0, 1, 1], [0, 1, 0, 1])
    assert found.variance == pytest.approx(2 / 2 + 0.5 / 2)
    assert found.degrees == pytest.approx(1.25**2 / (1**2 + 0.25**2))


def test_nothing_repeated_leaves_the_test_rows() -> None:
    found = mean_difference(np.array([0.2]), [0], [0], 0.01)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(2.0))
    same = mean_difference(np.zeros(4), [0, 0, 1, 1], [0, 1, 0, 1], 0.0)
    assert same.p_value == 1.0


@pytest.mark.parametrize(
    ("draw", "seed", "rest", "rows"),
    [(1, 0, 1, 0.2), (0, 0, 1, 0.3), (1, 1, 1, 0.3), (0, 0, 0.01, 1)],
)
def test_nothing_is_found_where_there_is_nothing(
    draw: float, seed: float, rest: float, rows: float
) -> None:
    """With 3 draws x 3 seeds about 5 % of null differences, and no more than 8 %, are significant.

    A bootstrap of three draws calls a third of the first kind significant.
    """
    rng = np.random.default_rng(2)
    draws, seeds = np.repeat(range(3), 3), np.tile(range(3), 3)
    found = 0
    for _ in range(1000):
        differences = (
            rng.normal(0, draw, 3)[draws]
            + rng.normal(0, seed, 3)[seeds]
            + rng.normal(0, rest, 9)
            + rng.normal(0, rows)
        )
        found += mean_difference(differences, list(draws), list(seeds), rows**2).p_value < 0.05
    assert found <= 80
