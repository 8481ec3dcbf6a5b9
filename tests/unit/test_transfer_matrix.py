"""Species transfer: what a strategy reads, what its matrix and tests say, who can be a target."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dnasweep.config import TrainingConfig
from dnasweep.data.species import SPECIES, close_relatives
from dnasweep.data.species_sets import species_set
from dnasweep.errors import InputError
from dnasweep.report.provenance import SweepFrame
from dnasweep.report.render import render
from dnasweep.report.transfer_page import transfer_page, transfer_tables
from dnasweep.stages.plan import make_plan
from dnasweep.stages.recipe import Recipe
from dnasweep.sweeps.comparison import Transfer
from dnasweep.sweeps.preparation import Prepared
from dnasweep.sweeps.transfer_findings import by_distance
from dnasweep.sweeps.transfer_matrix import compare_strategies
from dnasweep.sweeps.transfer_options import TransferOptions
from dnasweep.sweeps.transfer_strategies import (
    STRATEGIES,
    nearest_relative,
    strategy_of,
    transfer_route,
)
from dnasweep.sweeps.transfer_tests import FLIPS, rank_correlation, sign_flip
from dnasweep.workflows.transfer import find_targets, too_few
from dnasweep.workflows.transfer import transfer_cells as make_cells
from rich.console import Console
from scipy import stats
from transfer_toys import SPECIES as READ
from transfer_toys import TARGETS, baselines, cell, transfer_cells


@pytest.fixture(scope="module")
def transfer() -> Transfer:
    return compare_strategies(
        transfer_cells(), baselines=baselines(), relatives=READ, num_resamples=200
    )


def page_of(transfer: Transfer) -> str:
    return render(transfer_page(transfer, SweepFrame(title="transfer"), num_trials=100))


@pytest.mark.parametrize("target", SPECIES)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_is_known_by_what_it_reads(strategy: str, target: str) -> None:
    for species in (tuple(SPECIES), (target, *[s for s in SPECIES if s != target][:1])):
        read = transfer_route(strategy, target, species)
        assert strategy_of(read.species_set, target, read.trained_on) == strategy


def test_zero_shot_reads_everybody_but_the_target() -> None:
    read = transfer_route("zero-shot", "human", tuple(SPECIES))
    assert read.species_set == read.trained_on == "not-human"
    assert set(species_set("not-human")) == set(SPECIES) - {"human"}
    assert transfer_route("zero-shot", "human", ("human", "worm")).trained_on == "worm"


def test_relatives_are_looked_for_among_the_species_there_are() -> None:
    assert close_relatives("human") == species_set("close-human")
    assert close_relatives("human", ("human", "chicken", "worm")) == ("human", "chicken")
    assert close_relatives("human", ("human",)) == ("human",)
    assert transfer_route("all-then-close", "worm", ("worm", "rat", "mouse")).species_set == (
        "all-then-worm+rat+mouse"
    )


@pytest.mark.parametrize("strategy", ["all", "all-then-close", "zero-shot", "some"])
def test_strategies_that_need_others_are_refused_without(strategy: str) -> None:
    with pytest.raises(InputError):
        transfer_route(strategy, "human", ("human",))


def test_nearest_relatives() -> None:
    assert nearest_relative("human", ("human", "worm", "rat", "mouse")) == ("rat", 87.0)
    assert nearest_relative("human", ("human",)).species == ""


def prepared(counts: dict[str, tuple[int, int, int]]) -> Prepared:
    """A table with so many rows of each class in training, validation and test."""
    rows = [
        {"species": name, "split": split, "label": label, "sequence": "ACGT", "id": ""}
        for name, numbers in counts.items()
        for split, number in zip(("train", "validation", "test"), numbers, strict=True)
        for label in (0, 1)
        for _ in range(number)
    ]
    return Prepared("d", Path(), pd.DataFrame(rows), None)  # type: ignore[arg-type]


def test_species_with_too_few_rows_are_no_targets() -> None:
    data = prepared({"human": (30, 10, 10), "rat": (30, 9, 10), "worm": (30, 10, 12)})
    console = Console(record=True, width=200, file=open("/dev/null", "w"))  # noqa: SIM115
    assert find_targets(TransferOptions(), console)(data) == ["human", "worm"]
    said = console.export_text()
    assert "rat has 9 negative validation rows, 9 positive validation rows; 10 are needed" in said
    assert list(too_few(data.table, data.labels, 9)) == []
    with pytest.raises(InputError, match="target rat has 9 negative validation rows"):
        find_targets(TransferOptions(targets=("Rattus norvegicus",)), console)(data)
    with pytest.raises(InputError, match="no rows of this species"):
        find_targets(TransferOptions(targets=("chicken",)), console)(data)
    with pytest.raises(InputError, match="no species has enough rows"):
        find_targets(TransferOptions(min_rows=50), console)(data)
    assert find_targets(TransferOptions(targets=("rat", "hg38"), min_rows=9), console)(data) == [
        "rat",
        "human",
    ]


def test_rows_that_name_no_species_are_refused() -> None:
    with pytest.raises(InputError, match="no row names a species"):
        find_targets(TransferOptions(), Console(quiet=True))(prepared({"": (30, 10, 10)}))


def test_only_order_and_species_differ_between_strategies() -> None:
    """Every strategy reads as many bases in pretraining and in fine-tuning as the others."""
    data = prepared(dict.fromkeys(SPECIES, (20, 10, 10)))
    recipe = Recipe(
        dataset="d",
        species=data.species,
        pretraining=TrainingConfig(bases=1000),
        finetuning=TrainingConfig(bases=500),
    )
    axes = {"target": ("human", "worm"), "strategy": STRATEGIES, "seed": (0, 1)}
    plan = make_plan(recipe, make_cells(axes, data))
    assert len({spec.key for spec in plan.classifiers}) == 2 * 5 * 2
    for made, spec in zip(plan.cells, plan.classifiers, strict=True):
        assert spec.training.bases == 500
        assert spec.target == (made.target,)
        read = sum(stage.training.bases for stage in spec.encoder.lineage) if spec.encoder else 0
        assert read == (0 if made.species_set == "none" else 1000)
        strategy = strategy_of(made.species_set, str(made.target), made.trained_on)
        seen = {s for e in (spec.encoder.lineage if spec.encoder else ()) for s in e.species}
        if strategy == "zero-shot":
            assert made.target not in {*seen, *spec.learned_from, *spec.tokenizer.species}
            assert len(spec.learned_from) == 7
        else:
            assert spec.learned_from == (made.target,)
        same = [dataclasses.replace(s.training, seed=0) for s in plan.classifiers]
        assert dataclasses.replace(spec.training, seed=0) == same[0]


def test_the_matrix_has_a_row_for_each_target_and_strategy(transfer: Transfer) -> None:
    matrix = transfer.matrix
    assert len(matrix) == 25
    assert transfer.targets == ["human", "mouse", "chicken", "zebrafish", "worm"]
    assert transfer.strategies == list(STRATEGIES)
    assert (matrix["learning_rate"] == 1e-3).all(), "the better one on validation"
    row = matrix[(matrix["target"] == "chicken") & (matrix["strategy"] == "all")].iloc[0]
    tests = [cell("chicken", "all", seed).test["test/mcc"] for seed in (0, 1)]
    start = [cell("chicken", "random", seed).test["test/mcc"] for seed in (0, 1)]
    assert row["test_mcc"] == pytest.approx(np.mean(tests))
    assert row["test_mcc_sd"] == pytest.approx(np.std(tests, ddof=1))
    assert row["gain"] == pytest.approx(np.mean(tests) - np.mean(start))
    assert row["over_baseline"] == pytest.approx(
        np.mean(tests) - baselines()["chicken"].test["test/mcc"]
    )
    assert (row["nearest_relative"], row["million_years"]) == ("human", 319.0)
    assert (row["pretrain_bases"], row["finetune_bases"]) == (1e6, 3e5)
    alone = matrix[matrix["strategy"] == "target"]
    assert alone["million_years"].isna().all(), "no other species was read"
    means = transfer.means.set_index("strategy")["test_mcc"]
    of_all = matrix[matrix["strategy"] == "all"]["test_mcc"]
    assert means["all"] == pytest.approx(of_all.mean())


def test_relatives_with_too_few_rows_do_not_count() -> None:
    cells = [cell("human", "all"), cell("human", "random")]
    made = compare_strategies(cells, relatives=("human", "worm"), num_resamples=20)
    assert made.matrix.set_index("strategy").loc["all", "million_years"] == 690.0


def test_every_pair_is_tested_on_every_target_and_over_all(transfer: Transfer) -> None:
    tests = transfer.tests
    single, whole = tests[tests["target"] != "all"], tests[tests["target"] == "all"]
    assert len(single) == 5 * 10
    assert len(whole) == 10
    pair = whole[(whole["a"] == "all-then-close") & (whole["b"] == "random")].iloc[0]
    parts = single[(single["a"] == "all-then-close") & (single["b"] == "random")]
    assert pair["mcc_difference"] == pytest.approx(parts["mcc_difference"].mean())
    assert pair["auroc_difference"] == pytest.approx(parts["auroc_difference"].mean())
    assert pair["mcc_low"] < pair["mcc_difference"] < pair["mcc_high"]
    assert pair["num_rows"] == 1000
    assert pair["mcc_p_adjusted"] < 0.05
    assert (tests["num_seeds"] == 2).all()
    known = single["mcc_p"].to_numpy()
    expected = stats.false_discovery_control(known)
    np.testing.assert_allclose(single["mcc_p_adjusted"], expected)
    assert (tests["mcc_p_adjusted"] >= tests["mcc_p"] - 1e-12).all()


def test_test_metrics_of_cells_that_were_not_chosen_are_not_read() -> None:
    cells = transfer_cells()
    blind = [
        dataclasses.replace(c, test=None, test_scores=None) if c.learning_rate < 1e-3 else c
        for c in cells
    ]
    how = {"relatives": READ, "num_resamples": 50}
    seen, unseen = compare_strategies(cells, **how), compare_strategies(blind, **how)
    pd.testing.assert_frame_equal(seen.matrix, unseen.matrix)
    assert seen.findings == unseen.findings


def test_findings_say_what_is_in_the_tables(transfer: Transfer) -> None:
    text = "\n".join(transfer.findings)
    assert "all-then-close against all" in text
    assert "the gain of all over random falls with the distance" in text
    assert "0.30 Mb in fine-tuning for every model, 1.00 Mb in pretraining" in text
    start = transfer.matrix[transfer.matrix["strategy"] == "random"]
    losing = start.loc[start["over_baseline"] <= 0, "target"]
    assert f"random on {len(losing)} ({', '.join(losing)})" in text
    assert "one seed" not in text
    lone = compare_strategies(transfer_cells(num_seeds=1), num_resamples=20, left_out=("No rat.",))
    said = "\n".join(lone.findings)
    assert "One seed each: the variation between seeds is not known" in said
    assert "one seed allows no verdict on single targets" in said
    assert "over rows and seeds" not in said
    assert "No rat." in lone.findings


def test_the_page_and_the_terminal_show_the_matrix(transfer: Transfer, tmp_path: Path) -> None:
    html = page_of(transfer)
    for word in (*TARGETS, *STRATEGIES, "Gain against phylogenetic distance", "p over targets"):
        assert word in html
    assert "http://" not in html
    assert "https://" not in html
    console = Console(record=True, width=120, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(transfer_tables(transfer))
    said = console.export_text()
    assert "zebrafish" in said
    assert "mean" in said
    table = transfer.to_csv(tmp_path / "transfer.csv")
    assert len(pd.read_csv(table)) == 50
    assert len(pd.read_csv(tmp_path / "transfer_matrix.csv")) == 25
    assert len(pd.read_csv(tmp_path / "transfer_tests.csv")) == 60


def test_nothing_healthy_is_said_and_shown() -> None:
    sick = [cell("human", s, outcome="diverged", reason="nan", test=None) for s in STRATEGIES]
    made = compare_strategies(sick, num_resamples=20)
    assert made.findings == [
        "No cell finished with a validation metric; there is nothing to compare."
    ]
    assert "diverged" in page_of(made)
    Console(quiet=True).print(transfer_tables(made))


def test_one_target_has_tests_but_no_mean() -> None:
    made = compare_strategies(
        [cell("human", s) for s in STRATEGIES], baselines=baselines(), num_resamples=20
    )
    assert len(made.tests) == 10
    assert "transfer" in page_of(made)


def test_signs_are_flipped_exactly() -> None:
    assert sign_flip(np.array([1.0, 2.0, 3.0])) == pytest.approx(2 / 8)
    assert sign_flip(np.array([0.1] * 7)) == pytest.approx(2 / 128)
    assert sign_flip(np.array([1.0, -1.0])) == 1.0
    differences = np.array([0.2, -0.1, 0.4, 0.3, 0.05, 0.6])
    expected = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip(differences) == pytest.approx(expected.pvalue)


def test_signs_of_many_targets_are_drawn() -> None:
    """All choices of signs of 40 targets would be a million million."""
    differences = np.random.default_rng(0).normal(0.25, 1.0, 40)
    expected = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=20_000, rng=1
    )
    assert sign_flip(differences) == pytest.approx(expected.pvalue, abs=0.01)
    assert sign_flip(np.ones(40)) == pytest.approx(1 / FLIPS)


def test_rank_correlation_is_exact_for_few_points() -> None:
    x, y = np.array([12.0, 12, 87, 319, 429, 600]), np.array([5.0, 6, 4, 3, 1, 2])
    rho, p_value = rank_correlation(x, y)
    assert rho == pytest.approx(stats.spearmanr(x, y).statistic)
    orders = [stats.spearmanr(x, order).statistic for order in itertools.permutations(y)]
    assert p_value == pytest.approx(np.mean(np.abs(orders) >= abs(rho) - 1e-12))
    assert np.isnan(rank_correlation(x[:3], y[:3])[0])
    assert np.isnan(rank_correlation(np.ones(5), np.arange(5.0))[0])


def test_what_is_said_of_targets_is_said_of_the_metric_that_is_judged() -> None:
    found = compare_strategies(
        transfer_cells(), baselines=baselines(), relatives=READ, metric="auroc", num_resamples=50
    )
    single = found.tests[found.tests["target"] != "all"]
    for row in found.tests[found.tests["target"] == "all"].to_dict("records"):
        same = single[
            (single[["tokenizer", "a", "b"]] == pd.Series(row)[["tokenizer", "a", "b"]]).all(
                axis=1
            )
        ]
        for metric in ("mcc", "auroc"):
            differences = same[f"{metric}_difference"].to_numpy(float)
            assert row[f"{metric}_targets_p"] == pytest.approx(sign_flip(differences))
            assert row[f"{metric}_num_better"] == (differences > 0).sum()


def test_correlations_with_the_distance_are_one_family(transfer: Transfer) -> None:
    table = by_distance(transfer)
    known = table[table["p"].notna()]
    assert len(known) > 1
    np.testing.assert_allclose(
        known["p_adjusted"], stats.false_discovery_control(known["p"].to_numpy(float))
    )
    said = " ".join(transfer.findings)
    assert said.count("adjusted).") == len(known)
