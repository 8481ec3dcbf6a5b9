"""Comparing explanations: definitions of agreement, recovery, curves and checks on small numbers."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from dnasweep.attribution.intervals import mean_over
from dnasweep.errors import InputError
from dnasweep.method_comparison.agreement import (
    agreement,
    chance_overlap,
    jaccard,
    members,
    spearman,
)
from dnasweep.method_comparison.curves import (
    RANDOM,
    area,
    areas,
    compare_areas,
    counts_of,
    curve_masks,
    order_of,
)
from dnasweep.method_comparison.recovery import EVERY, auroc, planted, recovery
from dnasweep.method_comparison.sanity import FLIP, flipped_share, sanity
from scipy import stats
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

NAN = float("nan")


def test_spearman_is_scipy_s_row_by_row_and_leaves_ends_out() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 6, (2, 5, 30)).astype(float)
    one[1, 20:] = other[1, 20:] = NAN
    one[2] = 3.0
    found = spearman(one, other)
    for row in (0, 3, 4):
        assert found[row] == pytest.approx(spearmanr(one[row], other[row]).statistic)
    assert found[1] == pytest.approx(spearmanr(one[1, :20], other[1, :20]).statistic)
    assert np.isnan(found[2]), "a constant row has no ranks"


def test_top_bases_share_what_ties_leave() -> None:
    values = np.array([[5.0, 3, 3, 3, 1, NAN]])
    np.testing.assert_allclose(members(values, np.array([2])), [[1, 1 / 3, 1 / 3, 1 / 3, 0, 0]])
    np.testing.assert_allclose(members(values, np.array([0])), 0)
    assert members(values, np.array([99])).sum() == 5
    np.testing.assert_allclose(members(-values, np.array([1])), [[0, 0, 0, 0, 1, 0]])


def test_jaccard_of_sets_and_of_chance() -> None:
    one = np.array([[1.0, 1, 0, 0], [0, 0, 0, 0]])
    other = np.array([[0.0, 1, 1, 0], [0, 0, 0, 0]])
    found = jaccard(one, other)
    assert found[0] == pytest.approx(1 / 3)
    assert np.isnan(found[1])
    rng = np.random.default_rng(0)
    random = [members(rng.random((300, 200)), np.full(300, 20)) for _ in range(2)]
    assert jaccard(*random).mean() == pytest.approx(chance_overlap(0.1), abs=0.01)


def test_agreement_of_a_method_with_its_opposite() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=(12, 40))
    table = agreement({"a": values, "b": -2 * values, "c": np.abs(values)}, unsigned=("c",))
    by = table.set_index(["one", "other", "measure"])
    assert by.loc[("a", "b", "importance"), "mean"] == pytest.approx(1)
    assert by.loc[("a", "b", "signed"), "mean"] == pytest.approx(-1)
    assert by.loc[("a", "b", "top"), "mean"] == pytest.approx(1)
    assert by.loc[("a", "c", "importance"), "mean"] == pytest.approx(1)
    assert ("a", "c", "signed") not in by.index, "what has no sign is not compared by it"
    assert (by["num"] == 12).all()


def test_empty_explanations_do_not_count() -> None:
    values = np.random.default_rng(1).normal(size=(4, 40))
    none = values.copy()
    none[1] = 0
    table = agreement({"a": values, "b": none}).set_index("measure")
    assert table.loc["importance", "num"] == 3
    assert table.loc["top", "num"] == 3
    assert table.loc["top", "mean"] == pytest.approx(1)


def test_interval_of_a_mean() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(2.0, 1.0, 400)
    found = mean_over(np.append(values, NAN))
    assert found.num == 400
    assert found.mean == pytest.approx(values.mean())
    error = values.std() / 20
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert mean_over(np.array([NAN])).num == 0
    assert np.isnan(mean_over(np.array([1.0])).low)


def test_resamples_that_repeat_one_value_do_not_blow_up_an_interval() -> None:
    # Values less their mean, averaged, are off by a last bit: their spread is not exactly 0.
    for few, num in ((1 / 3, 6), (1 / 3, 10), (0.1, 7), (0.1, 13)):
        found = mean_over(np.repeat([few, 1.0 if few > 0.2 else 0.7], [num - 1, 1]))
        assert -1 < found.low < found.mean < found.high < 2


def test_the_interval_of_a_few_values_is_students() -> None:
    values = np.array([0.2, 0.5, 0.9])
    expected = stats.ttest_1samp(values, 0.0).confidence_interval()
    found = mean_over(values)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_an_interval_ends_where_the_mean_cannot_be() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 3, 20))
    table = agreement({"a": one, "b": one + 0.01 * other, "c": other})
    assert table["high"].max() <= 1
    assert table["low"].min() >= -1
    assert table.loc[table["measure"] == "top", "low"].min() >= 0
    curves = pd.DataFrame(
        itertools.product(("x", "y"), ("lime", RANDOM), ("deletion", "insertion")),
        columns=["sequence_id", "method", "curve"],
    )
    curves["area"] = np.where(curves["sequence_id"] == "x", 0.2, 0.9)
    found = compare_areas(curves).iloc[0]
    assert (found["area_low"], found["area_high"]) == (0, 1)
    assert compare_areas(curves, within=(-np.inf, np.inf)).iloc[0]["area_high"] > 1


def test_equal_values_have_no_interval() -> None:
    found = mean_over(np.full(5, 0.7))
    assert (found.num, found.mean) == (5, pytest.approx(0.7))
    assert np.isnan([found.low, found.high]).all()


def test_the_interval_of_skewed_values_leans_to_their_long_tail() -> None:
    found = mean_over(np.random.default_rng(1).beta(20.0, 1.0, 16))
    assert found.mean - found.low > 1.1 * (found.high - found.mean)


def laid(values: np.ndarray, *, first: int = 0, tss: int = -1) -> SimpleNamespace:
    """Return values as per_base lays them out."""
    num, width = values.shape
    sequences = pd.DataFrame(
        {"sequence_id": [f"s{i}" for i in range(num)], "sequence": ["A" * width] * num}
    )
    at = np.full(num, tss)
    known = SimpleNamespace(at=at, known=tss >= 0)
    return SimpleNamespace(values=values, first=first, sequences=sequences, tss=known)


def elements(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["id", "element", "start", "end"])


@pytest.mark.parametrize(("first", "tss"), [(0, -1), (-7, 7)])
def test_planted_bases_are_where_the_table_says(first: int, tss: int) -> None:
    table = elements(("s1", "tata", 2, 5), ("s1", "dpe", 8, 10), ("other", "tata", 0, 1))
    found = planted(laid(np.zeros((2, 12)), first=first, tss=tss), table)
    assert set(found) == {EVERY, "tata", "dpe"}
    assert np.flatnonzero(found["tata"][1]).tolist() == [2, 3, 4]
    assert np.flatnonzero(found[EVERY][1]).tolist() == [2, 3, 4, 8, 9]
    assert not found[EVERY][0].any()


def test_elements_that_do_not_fit_are_refused() -> None:
    bases = laid(np.zeros((2, 12)))
    with pytest.raises(InputError, match=r"row 3: element 'tata' at 9 to 13 lies outside"):
        planted(bases, elements(("s0", "tata", 0, 3), ("s1", "tata", 9, 13)))
    with pytest.raises(InputError, match="none of the sequences has an element"):
        planted(bases, elements(("x", "tata", 0, 3)))
    with pytest.raises(InputError, match="no column end"):
        planted(bases, elements(("s0", "tata", 0, 3)).drop(columns="end"))


def test_auroc_is_sklearn_s_with_ties() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 4, (3, 50)).astype(float)
    inside = rng.random((3, 50)) < 0.2
    inside[2] = False
    found = auroc(values, inside, ~inside)
    for row in (0, 1):
        assert found[row] == pytest.approx(roc_auc_score(inside[row], values[row]))
    assert np.isnan(found[2])


def test_recovery_of_a_perfect_an_opposite_and_a_blind_method() -> None:
    inside = np.zeros((6, 60), bool)
    inside[:, 10:16] = True
    kinds = {EVERY: inside, "tata": inside}
    values = {
        "perfect": inside + np.random.default_rng(0).random(inside.shape) * 0.5,
        "opposite": -inside.astype(float),
        "blind": np.zeros(inside.shape),
    }
    table = recovery(values, kinds).set_index(["method", "element"])
    assert table.loc[("perfect", EVERY), "auroc"] == 1
    assert table.loc[("perfect", "tata"), "hit_rate"] == 1
    assert table.loc[("opposite", EVERY), "auroc"] == 0
    assert table.loc[("opposite", EVERY), "hit_rate"] == 0
    assert table.loc[("blind", EVERY), "auroc"] == 0.5
    assert table.loc[("blind", EVERY), "hit_rate"] == pytest.approx(0.1)
    assert table.loc[("blind", EVERY), "chance"] == pytest.approx(0.1)


def test_masks_of_a_curve() -> None:
    masks = curve_masks(np.array([2, 0, 1]))
    deletion, insertion = masks[:4], masks[4:]
    assert deletion.tolist() == [
        [True, True, True],
        [True, True, False],
        [False, True, False],
        [False, False, False],
    ]
    np.testing.assert_array_equal(insertion, ~deletion)
    assert counts_of(45, 20)[[0, -1]].tolist() == [0, 45]
    assert len(counts_of(45, 20)) == 21
    assert order_of(np.array([1.0, 3.0, 3.0, -2.0])).tolist() == [1, 2, 0, 3]


def test_areas_against_random_order() -> None:
    share = np.array([0.0, 0.5, 1.0])
    assert area(share, np.array([1.0, 1.0, 0.0])) == pytest.approx(0.75)

    def curve(name: str, method: str, kind: str, middle: float, repeat: int = 0) -> pd.DataFrame:
        ends = (1.0, 0.0) if kind == "deletion" else (0.0, 1.0)
        return pd.DataFrame(
            {
                "sequence_id": name,
                "method": method,
                "repeat": repeat,
                "curve": kind,
                "share": share,
                "probability": [ends[0], middle, ends[1]],
            }
        )

    table = pd.concat(
        [
            part
            for i in range(8)
            for part in (
                curve(f"s{i}", "good", "deletion", 0.1 + i / 100),
                curve(f"s{i}", "good", "insertion", 0.9),
                *(
                    curve(f"s{i}", RANDOM, k, 0.4 + 0.2 * r, r)
                    for k in ("deletion", "insertion")
                    for r in (0, 1)
                ),
            )
        ]
    )
    found = compare_areas(areas(table)).set_index(["method", "curve"])
    assert found.loc[(RANDOM, "deletion"), "area"] == pytest.approx(0.5), "repeats are averaged"
    assert found.loc[("good", "insertion"), "area"] == pytest.approx(0.7)
    assert found.loc[("good", "insertion"), "difference"] == pytest.approx(0.2)
    assert found.loc[("good", "deletion"), "difference_high"] < -0.1
    assert found.loc[(RANDOM, "deletion"), "difference"] == 0


def test_checks_of_sanity() -> None:
    rng = np.random.default_rng(0)
    values = {"signed": rng.normal(size=(20, 80)), "attention": rng.random((20, 80))}
    flipped = {"signed": -values["signed"], "attention": values["attention"]}
    other = {"signed": rng.normal(size=(20, 80)), "attention": values["attention"] + 0.01}
    inside = np.zeros((20, 80), bool)
    inside[:, 5:15] = True
    found = sanity(values, flipped, {"all weights": other}, elements={EVERY: inside})
    by = found.set_index(["check", "method"])
    assert by.loc[(FLIP, "signed"), "mean"] == 1
    assert by.loc[(FLIP, "attention"), "mean"] == 0
    assert abs(by.loc[("all weights", "signed"), "mean"]) < 0.1
    assert by.loc[("all weights", "attention"), "mean"] == pytest.approx(1)
    assert by.loc[("all weights", "signed"), "auroc"] == pytest.approx(0.5, abs=0.1)
    half = np.array([[1.0, -3.0, 0.0]])
    np.testing.assert_allclose(flipped_share(half, np.array([[-1.0, -3.0, 5.0]])), [0.25])
    assert np.isnan(flipped_share(np.zeros((1, 3)), np.ones((1, 3)))[0])
