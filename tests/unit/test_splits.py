"""What is alike stays on one side, in the proportions asked for."""

import numpy as np
import pandas as pd
import pytest
from dnasweep.data.clustering import cluster_rows, similar_pairs
from dnasweep.data.splits import split_table
from dnasweep.data.table import check_table, make_table
from dnasweep.errors import InputError
from dnasweep.formats.bases import decode


def _table(num: int, window: int = 60, copies: int = 1, seed: int = 0) -> pd.DataFrame:
    """Random sequences of two labels and two species, each followed by near copies of it."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(num):
        codes = rng.integers(0, 4, window)
        for j in range(copies):
            near = codes.copy()
            places = rng.choice(window, j * 2, replace=False)
            near[places] = (near[places] + 1) % 4
            rows.append((decode(near.astype(np.uint8)), i % 2, ("human", "worm")[i // 2 % 2]))
    return make_table(pd.DataFrame(rows, columns=["sequence", "label", "species"]))


def _counts(table: pd.DataFrame) -> list[int]:
    return [int((table["split"] == s).sum()) for s in ("train", "validation", "test")]


@pytest.mark.parametrize("method", ["cluster", "random"])
def test_fractions_are_kept_in_every_label_and_species(method):
    table = split_table(_table(400), method=method)
    check_table(table)
    assert _counts(table) == [320, 40, 40]
    for _, part in table.groupby(["label", "species"]):
        assert _counts(part) == [80, 10, 10]
    assert split_table(_table(400), method=method).equals(table)
    assert not split_table(_table(400), method=method, seed=1).equals(table)


def test_other_fractions_and_no_mutation():
    before = _table(100)
    copy = before.copy()
    table = split_table(before, fractions=(0.5, 0.25, 0.25))
    assert before.equals(copy)
    assert table.drop(columns="split").equals(before.drop(columns="split"))
    assert _counts(table) == [48, 26, 26] or abs(_counts(table)[0] - 50) <= 2


def test_clusters_never_straddle_splits():
    table = _table(80, copies=5)
    split = split_table(table, method="cluster", seed=3)
    pairs = similar_pairs(table["sequence"].tolist())
    assert len(pairs.first) >= 80 * 4
    sides = split["split"].to_numpy()
    assert (sides[pairs.first] == sides[pairs.second]).all()
    clusters = cluster_rows(len(table), pairs)
    assert split.groupby(clusters)["split"].nunique().max() == 1
    np.testing.assert_allclose(np.array(_counts(split)) / 400, [0.8, 0.1, 0.1], atol=0.03)
    random = split_table(table, method="random", seed=3)["split"].to_numpy()
    assert (random[pairs.first] != random[pairs.second]).any(), "the test would not see a leak"


def test_large_clusters_reach_the_test_set_as_often_as_their_share():
    # Filling the test set from the smallest cluster up would leave it singletons only.
    large = 0
    base = pd.concat([_table(30, copies=4, seed=1), _table(120, seed=2)], ignore_index=True)
    base["id"] = [f"r{i}" for i in range(len(base))]
    base = make_table(base)
    for seed in range(40):
        table = split_table(base, method="cluster", seed=seed)
        large += int((table["split"].to_numpy()[:120] == "test").sum())
    assert large / (40 * 120) == pytest.approx(0.1, abs=0.025)


def test_equal_sequences_stay_together_in_random_splits():
    table = _table(100)
    twice = make_table(pd.concat([table, table.assign(id=table["id"] + "b", label=1)]))
    split = split_table(twice, method="random")
    assert split.groupby("sequence")["split"].nunique().max() == 1


def test_groups_stay_together():
    table = _table(200)
    groups = np.repeat(np.arange(40), 5)
    groups[-50:] = -1
    for method in ("cluster", "random"):
        split = split_table(table, method=method, groups=groups)
        assert split.groupby(groups)["split"].nunique().iloc[1:].max() == 1
        assert split["split"][150:].nunique() == 3


def test_chromosomes_stay_together():
    table = _table(300).assign(chrom=[f"chr{i % 10}" for i in range(300)])
    split = split_table(table, method="chromosome")
    assert split.groupby(["species", "chrom"])["split"].nunique().max() == 1
    assert min(_counts(split)) > 0
    with pytest.raises(InputError, match="no chromosome"):
        split_table(_table(10), method="chromosome")
    with pytest.raises(InputError, match="chromosomes"):
        split_table(table.assign(chrom="chr1"), method="chromosome")


def test_given_splits_stay_and_a_missing_validation_is_cut_from_train():
    table = _table(100, copies=2)
    given = np.array(["train"] * 160 + ["test"] * 40)
    split = split_table(table.assign(split=pd.Series(given).astype("str")), identity=0.8)
    assert (split["split"][160:] == "test").all()
    assert _counts(split) == [142, 18, 40] or abs(_counts(split)[1] - 18) <= 2
    rows = split["split"].to_numpy()[:160].reshape(80, 2)
    assert (rows[:, 0] == rows[:, 1]).all(), "near copies straddle train and validation"
    whole = table.assign(
        split=pd.Series(np.resize(["train", "validation", "test"], 200)).astype("str")
    )
    assert split_table(whole).equals(whole)
    pairs = similar_pairs(table["sequence"].tolist())
    shared = split_table(table.assign(split=pd.Series(given).astype("str")), pairs=pairs)
    assert shared.equals(split)


@pytest.mark.parametrize(
    ("splits", "match"),
    [
        (["train"] * 9 + [""], "have no split"),
        (["validation"] * 5 + ["test"] * 5, "no training rows"),
    ],
)
def test_given_splits_that_cannot_be_used(splits, match):
    table = _table(10).assign(split=pd.Series(splits).astype("str"))
    with pytest.raises(InputError, match=match):
        split_table(table, method="given")


def test_auto_is_given_only_where_splits_are_named():
    table = _table(200, copies=2)
    sides = split_table(table, method="auto")["split"].to_numpy().reshape(200, 2)
    assert (sides[:, 0] == sides[:, 1]).all()


@pytest.mark.parametrize("num", [1, 2, 4])
def test_too_few_rows_are_refused_not_crashed(num):
    with pytest.raises(InputError, match="leave none for"):
        split_table(_table(num), method="cluster")


def test_all_alike_cannot_be_split():
    table = make_table({"sequence": ["ACGTACGTTA" * 6] * 50, "label": [0, 1] * 25})
    with pytest.raises(InputError, match="leave none for"):
        split_table(table)


@pytest.mark.parametrize(
    "bad",
    [
        {"method": "magic"},
        {"fractions": (0.5, 0.5)},
        {"fractions": (0.8, 0.2, 0.2)},
        {"fractions": (1.0, 0.0, 0.0)},
        {"identity": 0.2},
    ],
)
def test_settings_that_make_no_sense_are_refused(bad):
    with pytest.raises(InputError):
        split_table(_table(50), **bad)
