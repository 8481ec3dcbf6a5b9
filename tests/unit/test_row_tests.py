"""Paired tests against their definitions, independent computations and known error rates."""

from __future__ import annotations

import numpy as np
import pytest
from dnasweep.sweeps.row_tests import (
    bootstrap_mcc,
    delong_test,
    spread,
)
from dnasweep.tasks.influence import mcc, structural_components
from dnasweep.tasks.multiple_tests import benjamini_hochberg
from scipy import stats
from sklearn.metrics import matthews_corrcoef, roc_auc_score


def correlated_scores(seed: int, *, num: int = 300, shift_a: float = 1.0, shift_b: float = 1.0):
    rng = np.random.default_rng(seed)
    labels = (rng.random(num) < 0.4).astype(int)
    shared = rng.normal(size=num)
    a = shift_a * labels + shared + rng.normal(size=num)
    b = shift_b * labels + shared + rng.normal(size=num)
    return labels, a, b


def direct_delong(labels, a, b):
    """DeLong, DeLong and Clarke-Pearson 1988, each pair of rows compared by itself."""

    def components(scores):
        x, y = scores[labels == 1], scores[labels == 0]
        psi = (x[:, None] > y[None, :]) + 0.5 * (x[:, None] == y[None, :])
        return psi.mean(axis=1), psi.mean(axis=0)

    (x_a, y_a), (x_b, y_b) = components(a), components(b)
    m, n = len(x_a), len(y_a)

    def s(p, q):
        return ((p - p.mean()) * (q - q.mean())).sum() / (len(p) - 1)

    var = s(x_a, x_a) / m + s(y_a, y_a) / n + s(x_b, x_b) / m + s(y_b, y_b) / n
    var -= 2 * (s(x_a, x_b) / m + s(y_a, y_b) / n)
    return x_a.mean(), x_b.mean(), var


@pytest.mark.parametrize("rounded", [None, 0])
@pytest.mark.parametrize("seed", range(4))
def test_delong_equals_the_direct_computation(seed: int, rounded: int | None) -> None:
    labels, a, b = correlated_scores(seed, shift_b=0.7)
    if rounded is not None:
        a, b = a.round(rounded), b.round(rounded)
    result = delong_test(labels, a, b)
    auroc_a, auroc_b, variance = direct_delong(labels, a, b)
    assert result.auroc_a == pytest.approx(auroc_a, abs=1e-12)
    assert result.auroc_b == pytest.approx(auroc_b, abs=1e-12)
    assert result.auroc_a == pytest.approx(roc_auc_score(labels, a), abs=1e-12)
    assert result.variance == pytest.approx(variance, rel=1e-9)
    z = (auroc_a - auroc_b) / variance**0.5
    assert result.z == pytest.approx(z, rel=1e-9)
    assert result.p_value == pytest.approx(2 * stats.norm.cdf(-abs(z)), rel=1e-9)


def test_delong_by_hand() -> None:
    # Positives score 3, 1 by a and 3, 4 by b; negatives 2, 0 by both.
    labels = np.array([1, 1, 0, 0])
    a, b = np.array([3.0, 1, 2, 0]), np.array([3.0, 4, 2, 0])
    _, v10, v01 = structural_components(labels, np.stack([a, b]))
    np.testing.assert_allclose(v10, [[1, 0.5], [1, 1]])
    np.testing.assert_allclose(v01, [[0.5, 1], [1, 1]])
    result = delong_test(labels, a, b)
    assert (result.auroc_a, result.auroc_b) == (0.75, 1.0)
    assert result.variance == pytest.approx(0.125 / 2 + 0.125 / 2)
    assert result.p_value == pytest.approx(2 * stats.norm.sf(0.25 / 0.125**0.5))


def test_delong_is_symmetric_and_blind_to_monotone_changes() -> None:
    labels, a, b = correlated_scores(7)
    forth, back = delong_test(labels, a, b), delong_test(labels, b, a)
    assert forth.difference == -back.difference
    assert forth.p_value == back.p_value
    assert delong_test(labels, np.exp(a), 3 * b - 1) == pytest.approx(forth)


def test_delong_of_equal_scores_is_one() -> None:
    labels, a, _ = correlated_scores(1)
    result = delong_test(labels, a, a)
    assert (result.difference, result.variance, result.p_value) == (0, 0, 1)


def test_delong_keeps_its_error_rate() -> None:
    p_values = [delong_test(*correlated_scores(seed)).p_value for seed in range(600)]
    rejected = np.mean(np.array(p_values) < 0.05)
    assert 0.025 < rejected < 0.08
    # A test that takes the two AUROCs for independent would hardly ever reject here.
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


def test_delong_sees_a_real_difference() -> None:
    labels, a, b = correlated_scores(3, num=1000, shift_a=1.5, shift_b=0.8)
    assert delong_test(labels, a, b).p_value < 1e-4


@pytest.mark.parametrize(
    ("labels", "scores"),
    [
        ([1, 1, 1], [1, 2, 3]),
        ([0, 1, 2], [1, 2, 3]),
        ([0, 1], [1, np.nan]),
        ([0, 1, 1], [1, 2, 3]),
    ],
)
def test_delong_refuses_what_has_no_variance(labels: list[int], scores: list[float]) -> None:
    with pytest.raises(ValueError, match=r"class|0 or 1|finite"):
        delong_test(np.array(labels), np.array(scores), np.array(scores))


def test_mcc_of_counts_is_sklearns() -> None:
    labels, a, _ = correlated_scores(2)
    called = (a > 0.5).astype(int)
    value = mcc((labels & called).sum(), called.sum(), labels.sum(), len(labels))
    assert float(value) == pytest.approx(matthews_corrcoef(labels, called), abs=1e-12)
    assert float(mcc(0, 0, 3, 10)) == 0


def test_bootstrap_is_the_percentile_bootstrap_of_rows() -> None:
    labels, a, b = correlated_scores(5, num=200, shift_a=2.0, shift_b=0.8)
    a, b = (a > 0.6).astype(int), (b > 0.6).astype(int)
    result = bootstrap_mcc(labels, a, b, num_resamples=20_000)
    assert result.mcc_a == pytest.approx(matthews_corrcoef(labels, a), abs=1e-12)
    assert result.mcc_b == pytest.approx(matthews_corrcoef(labels, b), abs=1e-12)

    def difference(y, p, q, axis=-1):
        num = y.shape[axis]

        def one(calls):
            return mcc((y & calls).sum(axis), calls.sum(axis), y.sum(axis), num)

        return one(p) - one(q)

    reference = stats.bootstrap(
        (labels, a, b),
        difference,
        paired=True,
        vectorized=True,
        n_resamples=5000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert result.low == pytest.approx(reference.low, abs=0.012)
    assert result.high == pytest.approx(reference.high, abs=0.012)


def test_bootstrap_is_seeded_and_symmetric() -> None:
    labels, a, b = correlated_scores(6)
    a, b = (a > 0.5).astype(int), (b > 0.5).astype(int)
    assert bootstrap_mcc(labels, a, b, seed=4) == bootstrap_mcc(labels, a, b, seed=4)
    forth, back = bootstrap_mcc(labels, a, b), bootstrap_mcc(labels, b, a)
    assert forth.difference == -back.difference
    assert forth.p_value == pytest.approx(back.p_value, abs=0.05)


def test_bootstrap_p_values_have_a_floor_and_a_ceiling() -> None:
    labels, a, _ = correlated_scores(8)
    called = (a > 0.5).astype(int)
    assert bootstrap_mcc(labels, called, called).p_value == 1
    floor = bootstrap_mcc(labels, labels, 1 - labels, num_resamples=999).p_value
    assert floor == pytest.approx(2 / 1000)


def test_bootstrap_keeps_its_error_rate() -> None:
    p_values = []
    for seed in range(400):
        labels, a, b = correlated_scores(seed)
        calls = (a > 0.5).astype(int), (b > 0.5).astype(int)
        p_values.append(bootstrap_mcc(labels, *calls, num_resamples=400, seed=seed).p_value)
    assert 0.02 < np.mean(np.array(p_values) < 0.05) < 0.09


def test_benjamini_hochberg_by_hand() -> None:
    p_values = np.array([0.01, 0.04, np.nan, 0.03, 0.5])
    np.testing.assert_allclose(
        benjamini_hochberg(p_values), [0.04, 0.16 / 3, np.nan, 0.16 / 3, 0.5]
    )
    assert np.isnan(benjamini_hochberg(np.array([np.nan]))).all()


def test_spread_over_seeds() -> None:
    result = spread(np.array([0.5, 0.6, 0.7, np.nan]))
    assert (result.mean, result.num) == (pytest.approx(0.6), 3)
    assert result.sd == pytest.approx(0.1)
    assert result.high - result.mean == pytest.approx(4.302653 * 0.1 / 3**0.5, rel=1e-6)
    assert np.isnan(spread(np.array([0.5])).sd)
    assert spread(np.array([])).num == 0
