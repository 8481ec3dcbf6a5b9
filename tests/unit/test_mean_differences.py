"""Paired tests over repeated trainings: definitions, agreement with what is known, calibration."""

from __future__ import annotations

import numpy as np
import pytest
from dnasweep.sweeps.mean_differences import (
    mean_difference,
    run_variance,
    shared_row_variance,
)
from scipy import stats


def test_rows_that_all_trainings_share_are_counted_once() -> None:
    rng = np.random.default_rng(1)
    draws, seeds = np.repeat(range(3), 3), np.tile(range(3), 3)
    shared = rng.normal(0, 1.0, 5000) / 5000
    of_draw = rng.normal(0, 2.0, (3, 5000))[draws] / 5000
    of_seed = rng.normal(0, 2.0, (3, 5000))[seeds] / 5000
    alone = rng.normal(0, 2.0, (9, 5000)) / 5000
    found = shared_row_variance(shared + of_draw + of_seed + alone, list(draws), list(seeds))
    assert found == pytest.approx(1 / 5000, rel=0.2)


def test_with_one_seed_what_its_trainings_share_counts() -> None:
    influence = np.array([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    assert shared_row_variance(influence, [0, 1], [0, 0]) == pytest.approx(1.0)
    assert shared_row_variance(influence[:1], [0], [0]) == pytest.approx(2.0)


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


def test_draws_that_agree_leave_the_test_rows() -> None:
    found = mean_difference(np.full(3, 0.2), range(3), [0] * 3, 0.01)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(2.0))
    same = mean_difference(np.zeros(4), [0, 0, 1, 1], [0, 1, 0, 1], 0.0)
    assert same.p_value == 1.0


def test_one_draw_is_not_judged() -> None:
    found = mean_difference(np.array([0.2, 0.3]), [0, 0], [0, 1], 0.01)
    assert found.difference == pytest.approx(0.25)
    assert np.isnan([found.low, found.high, found.p_value]).all()


@pytest.mark.parametrize(
    ("draw", "seed", "rest", "rows"),
    [(1, 0, 1, 0.2), (0, 0, 1, 0.3), (1, 1, 1, 0.3), (0, 0, 0.01, 1)],
)
def test_nothing_is_found_where_there_is_nothing(
    draw: float, seed: float, rest: float, rows: float
) -> None:
    """With 3 draws x 3 seeds at most about 5 % of null differences are significant.

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
    assert found <= 65
