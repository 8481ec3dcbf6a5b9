"""Selection looks at validation alone, sick trials are never ranked, and sentences follow tables."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pandas as pd
import pytest
from dnasweep.report.sweep_figures import heat_map
from dnasweep.report.sweep_page import comparison_tables
from dnasweep.report.terminal import terminal_table
from dnasweep.sweeps.cell_results import BaselineResult, CellResult
from dnasweep.sweeps.comparison import Comparison
from dnasweep.sweeps.pairs import pairwise_tests
from dnasweep.sweeps.selection import compare, select
from dnasweep.workflows.publication import best_trial
from rich.console import Console
from statsmodels.stats.multitest import multipletests
from sweep_toys import GAIN, QUALITY, baseline, cell, scored, sweep


@pytest.fixture(scope="module")
def compared() -> Comparison:
    return compare(sweep(), baselines=[baseline()], num_resamples=400)


def test_selects_all_seeds_of_the_best_learning_rate_of_each_pair() -> None:
    chosen = select(sweep())
    assert {c.learning_rate for c in chosen} == {1e-3}
    assert len(chosen) == len(QUALITY) * len(GAIN) * 2
    assert len({c.trial_key for c in chosen}) == len(chosen)


def test_selection_never_looks_at_the_test_set() -> None:
    blind = [dataclasses.replace(c, test=None, test_scores=None) for c in sweep()]
    assert [c.trial_key for c in select(blind)] == [c.trial_key for c in select(sweep())]


def test_selection_does_not_depend_on_the_order_of_trials() -> None:
    forth, back = select(sweep()), select(sweep()[::-1])
    assert {c.trial_key for c in forth} == {c.trial_key for c in back}


def test_lower_is_better_for_a_loss() -> None:
    cells = [
        cell("kmer-6", "human", rate, 0, validation={"loss": loss, "mcc": loss})
        for rate, loss in ((3e-4, 0.2), (1e-3, 0.5))
    ]
    assert select(cells, metric="validation/loss")[0].learning_rate == 3e-4
    assert select(cells, metric="mcc")[0].learning_rate == 1e-3
    assert compare(cells, metric="loss").rows["rank"].tolist() == [1, 2]
    assert compare(cells, metric="loss").rows["validation_loss"].tolist() == [0.2, 0.5]


def test_rows_are_means_over_seeds_ranked(compared: Comparison) -> None:
    rows = compared.rows
    assert len(rows) == 27
    healthy = rows[rows["outcome"] == "finished"]
    assert healthy["rank"].tolist() == list(range(1, 27))
    assert healthy["validation_mcc"].is_monotonic_decreasing
    top = rows.iloc[0]
    seeds = [c for c in sweep() if c.trial_key in top["trial_keys"].split()]
    values = [c.validation["validation/mcc"] for c in seeds]
    assert top["validation_mcc"] == pytest.approx(np.mean(values))
    assert top["validation_mcc_sd"] == pytest.approx(np.std(values, ddof=1))
    assert top["num_seeds"] == 2


def test_a_diverged_trial_is_marked_and_never_ranked(compared: Comparison) -> None:
    # Its validation metric of 0.99 would win.
    last = compared.rows.iloc[-1]
    assert (last["tokenizer"], last["learning_rate"]) == ("kmer-6", 3e-3)
    assert last["outcome"] == "1 of 2 diverged"
    assert pd.isna(last["rank"])
    assert not last["selected"]
    assert compared.unhealthy["reason"].tolist() == ["loss was nan at step 12"]
    assert "1 of 54 trials did not finish normally (1 diverged)." in compared.findings


def test_a_pair_with_only_partly_healthy_combinations_is_shown_as_such() -> None:
    cells = [
        cell("kmer-6", "human", 1e-3, 0),
        cell("kmer-6", "human", 1e-3, 1, outcome="collapsed", validation={}),
        cell("bpe-1024", "human", 1e-3, 0, outcome="failed", validation={}),
        cell("bpe-1024", "none", 1e-3, 0, validation={"validation/mcc": float("nan")}),
    ]
    result = compare(cells)
    assert [c.seed for c in select(cells)] == [0]
    assert result.selected["outcome"].tolist() == ["1 of 2 collapsed"]
    assert result.rows["rank"].isna().all()
    text = " ".join(result.findings)
    assert "kmer-6 / human (1 of 2 collapsed)" in text
    assert "No trial finished normally for: bpe-1024 / human, bpe-1024 / none." in text
    assert len(result.unhealthy) == 3


def test_trials_a_search_has_stopped_are_not_ranked_nor_blamed() -> None:
    cells = [
        cell("kmer-6", "human", 1e-3, 0),
        cell("kmer-6", "human", 3e-4, 0, outcome="stopped", validation={"mcc": 0.99}),
    ]
    result = compare(cells)
    assert result.selected["learning_rate"].tolist() == [1e-3]
    assert result.unhealthy.empty
    assert result.rows["outcome"].tolist() == ["finished", "stopped"]


def test_selected_cells_have_test_means_and_the_distance_to_the_baseline(
    compared: Comparison,
) -> None:
    selected = compared.selected
    assert len(selected) == 9
    top = selected.iloc[0]
    assert top["cell"] == "bpe-1024 / mammals"
    seeds = [c for c in sweep() if c.trial_key in top["trial_keys"].split()]
    values = [c.test["test/mcc"] for c in seeds]
    assert top["test_mcc"] == pytest.approx(np.mean(values))
    assert top["test_mcc_sd"] == pytest.approx(np.std(values, ddof=1))
    expected = np.mean(values) - baseline().test["test/mcc"]
    assert top["over_baseline"] == pytest.approx(expected)
    assert top["num_test_rows"] == 600


def test_pairs_are_all_cells_and_each_against_the_baseline(compared: Comparison) -> None:
    table = compared.pairwise
    assert len(table) == 9 * 8 / 2 + 9
    for name in ("mcc_p", "auroc_p", "ensemble_delong_p", "ensemble_mcc_p"):
        assert (table[f"{name}_adjusted"] >= table[name] - 1e-12).all()
    assert (table["num_seeds"] == 2).all()
    assert (table["num_rows"] == 600).all()
    assert table["auroc_difference"].to_numpy() == pytest.approx(
        (table["auroc_a"] - table["auroc_b"]).to_numpy()
    )


def test_p_values_of_the_winner_are_a_family_of_their_own(compared: Comparison) -> None:
    table = compared.pairwise
    of_winner = table["a"] == compared.selected["cell"].iloc[0]
    assert of_winner.sum() == 9
    for family in (table[of_winner], table[~of_winner]):
        expected = multipletests(family["auroc_p"], method="fdr_bh")[1]
        assert family["auroc_p_adjusted"].to_numpy() == pytest.approx(expected)


def test_the_difference_that_is_judged_is_that_of_the_table(compared: Comparison) -> None:
    selected = compared.selected.set_index("cell")["test_mcc"]
    table = compared.pairwise[compared.pairwise["b"].isin(selected.index)]
    expected = selected[table["a"]].to_numpy() - selected[table["b"]].to_numpy()
    assert table["mcc_difference"].to_numpy() == pytest.approx(expected)
    against = compared.pairwise.drop(index=table.index).set_index("a")["mcc_difference"]
    over = compared.selected.set_index("cell")["over_baseline"]
    assert against.to_numpy() == pytest.approx(over[against.index].to_numpy())


def test_pairs_use_only_the_rows_both_have_whatever_their_order() -> None:
    a, b = scored(1.2, 0), scored(0.6, 1)
    order = np.random.default_rng(3).permutation(400)
    part = dataclasses.replace(b, ids=b.ids[order], labels=b.labels[order], scores=b.scores[order])
    keep = np.sort(order)
    first = dataclasses.replace(a, ids=a.ids[keep], labels=a.labels[keep], scores=a.scores[keep])
    second = dataclasses.replace(b, ids=b.ids[keep], labels=b.labels[keep], scores=b.scores[keep])
    expected = pairwise_tests({"a": {0: first}, "b": {0: second}})
    pd.testing.assert_frame_equal(pairwise_tests({"a": {0: a}, "b": {0: part}}), expected)
    assert expected["num_rows"].tolist() == [400]


def test_pairs_refuse_rows_with_two_labels() -> None:
    a = scored(1.2, 0)
    with pytest.raises(ValueError, match="different labels"):
        pairwise_tests({"a": {0: a}, "b": {0: dataclasses.replace(a, labels=1 - a.labels)}})


def test_a_baseline_of_one_species_set_meets_its_cells_only() -> None:
    reference = dataclasses.replace(baseline(), species_set="human")
    table = compare(sweep(), baselines=[reference], num_resamples=50).pairwise
    against = table[table["b"] == reference.name]
    assert set(against["a"]) == {f"{name} / human" for name in QUALITY}


def test_findings_name_the_winner_and_what_pretraining_brings(compared: Comparison) -> None:
    text = " ".join(compared.findings)
    assert text.startswith("Best on validation: bpe-1024 / mammals at learning rate 0.001")
    assert "Tokenizers: bpe-1024 wins on validation." in text
    several = next(f for f in compared.findings if "several species against no" in f)
    assert "with 3 of 3 tokenizers" in several
    assert "significantly better for" in several
    assert any(
        "Pretraining on several species against on one species" in f for f in compared.findings
    )
    assert "kmer-6 / human predicts" not in text


def test_findings_do_not_speak_of_several_species_where_the_data_name_none() -> None:
    cells = [
        dataclasses.replace(c, species=() if c.species_set == "none" else ("not named",))
        for c in sweep()
    ]
    text = " ".join(compare(cells, num_resamples=20).findings)
    assert "Pretraining against no pretraining" in text
    assert "several species" not in text


def test_findings_call_no_winner_where_tokenizers_are_level() -> None:
    cells = [dataclasses.replace(c, validation={"validation/mcc": 0.5}) for c in sweep()]
    text = " ".join(compare(cells, num_resamples=20).findings)
    assert "Tokenizers: kmer-6 and bpe-1024 and wordpiece-1024 tie on validation." in text


def level_cells(num_seeds: int) -> list[CellResult]:
    """Cells that are equally good, whatever their tokenizer."""
    return [
        dataclasses.replace(
            cell(name, "human", 1e-3, seed),
            test_scores=scored(1.0, 10 * place + seed),
            validation={"mcc": 0.5},
        )
        for place, name in enumerate(QUALITY)
        for seed in range(num_seeds)
    ]


def test_findings_say_when_a_difference_is_not_significant() -> None:
    text = " ".join(compare(level_cells(3), num_resamples=400).findings)
    assert text.count("not significant") == 2
    assert "Two seeds give a poor estimate" not in text
    assert "Two seeds give a poor estimate" in " ".join(
        compare(level_cells(2), num_resamples=40).findings
    )


def test_with_one_seed_no_choice_is_called_better() -> None:
    # Ranks of this difference would be significant for the two trained models.
    strong = [dataclasses.replace(c, test_scores=scored(3.0, 9)) for c in level_cells(1)[:1]]
    result = compare([*strong, *level_cells(1)[1:]], num_resamples=400)
    text = " ".join(result.findings)
    assert (result.pairwise["ensemble_mcc_p_adjusted"] < 0.05).sum() == 2
    assert result.pairwise["mcc_p"].isna().all()
    assert text.count("no verdict with one seed") == 2
    assert "significant" not in text
    assert "Train 3 or more (--seeds 0 1 2)" in text


def test_a_cell_of_one_healthy_seed_is_named_and_not_judged() -> None:
    cells = [
        dataclasses.replace(c, outcome="failed", test=None, test_scores=None)
        if (c.tokenizer, c.seed) in {("kmer-6", 1), ("kmer-6", 2)}
        else c
        for c in level_cells(3)
    ]
    result = compare(cells, num_resamples=40)
    table = result.pairwise
    lone = (table["a"] == "kmer-6 / human") | (table["b"] == "kmer-6 / human")
    assert table["mcc_p"].isna().tolist() == lone.tolist()
    text = " ".join(result.findings)
    assert "No test is possible where only one seed finished normally: kmer-6 / human." in text
    assert "Cells have 1 to 3 seeds that finished normally" in text


def test_one_encoder_for_all_seeds_is_said() -> None:
    shared = compare(sweep(), shared_encoders=True, num_resamples=20).findings
    assert any("--pretrain-per-seed" in sentence for sentence in shared)
    assert not any("--pretrain-per-seed" in s for s in compare(sweep(), num_resamples=20).findings)


def test_findings_list_cells_that_lose_to_the_baseline() -> None:
    strong = scored(3.0, 99)
    reference = BaselineResult(test={"mcc": 0.95}, test_scores=strong)
    text = " ".join(compare(sweep(), baselines=[reference], num_resamples=50).findings)
    assert (
        "9 of 9 selected cells do not have a better mean than the k-mer logistic regression"
        in text
    )


def test_findings_speak_of_one_cell_in_the_singular() -> None:
    def said(value: float, baseline: float) -> str:
        one = cell("kmer-6", "human", 1e-3, 0, validation={"mcc": 0.5}, test={"mcc": value})
        reference = BaselineResult(test={"mcc": baseline}, test_scores=scored(3.0, 99))
        other = cell("kmer-6", "human", 3e-3, 0, validation={"mcc": 0.4})
        return " ".join(compare([one, other], baselines=[reference], num_resamples=20).findings)

    assert "The selected cell has a better mean than the k-mer" in said(0.6, 0.4)
    assert "The selected cell does not have a better mean than the k-mer" in said(0.3, 0.4)
    assert "The selected cell uses the smallest learning rate tried (0.001)" in said(0.3, 0.4)


def test_findings_warn_at_the_edge_of_the_learning_rates() -> None:
    def at(rate: float, value: float) -> CellResult:
        return cell("kmer-6", "human", rate, 0, validation={"mcc": value})

    cells = [at(3e-4, 0.5), at(1e-3, 0.6)]
    assert any("largest learning rate tried (0.001)" in f for f in compare(cells).findings)
    cells.append(at(3e-3, 0.55))
    assert not any("learning rate tried" in f for f in compare(cells).findings)


def test_settings_are_selected_over_and_named() -> None:
    cells = [
        cell("kmer-6", "human", 1e-3, 0, axes={"warmup": warmup}, validation={"mcc": value})
        for warmup, value in ((0.1, 0.5), (0.2, 0.6))
    ]
    result = compare(cells)
    assert result.axes == ("warmup",)
    assert result.selected["warmup"].tolist() == [0.2]
    assert "kmer-6 / human at learning rate 0.001, warmup 0.2, validation" in result.findings[0]


def test_maskings_are_compared_as_tokenizers_are() -> None:
    cells = [
        dataclasses.replace(
            one,
            axes={"masking": scheme},
            trial_key=f"{scheme}-{one.trial_key}",
            validation={"mcc": value + 0.01 * one.seed},
        )
        for scheme, value in (("random", 0.5), ("span", 0.6))
        for one in sweep()
        if (one.tokenizer, one.species_set) == ("kmer-6", "human") and one.outcome == "finished"
    ]
    result = compare(cells, num_resamples=200)
    assert result.selected["cell"].tolist() == ["kmer-6 / human / span", "kmer-6 / human / random"]
    assert result.selected["arm"].tolist() == ["kmer-6 / span", "kmer-6 / random"]
    assert len(result.pairwise) == 1
    told = next(text for text in result.findings if text.startswith("Maskings: span wins"))
    assert "kmer-6 / human / random (MCC" in told
    assert heat_map(result) is not None
    out = io.StringIO()
    Console(file=out, width=160).print(comparison_tables(result))
    assert "tokenizer / species set / masking" in out.getvalue()


def test_a_cell_without_a_value_of_an_axis_shows_a_dash() -> None:
    # A convolutional network has no LoRA, and no warm-up of its own here.
    cells = [
        cell("kmer-6", "human", 1e-3, 0, axes={"warmup": 0.1}),
        cell("kmer-6", "none", 1e-3, 0, axes={}),
    ]
    out = io.StringIO()
    Console(file=out, width=160).print(comparison_tables(compare(cells)))
    (row,) = [line for line in out.getvalue().splitlines() if " none " in line and "0.001" in line]
    assert "nan" not in row
    assert "–" in row


def test_no_cell_at_all_is_said_and_nothing_breaks(tmp_path) -> None:
    result = compare([cell("kmer-6", "human", 1e-3, 0, outcome="failed", validation={})])
    assert result.selected.empty
    assert result.findings[0].startswith("No cell finished")
    result.to_csv(tmp_path / "table.csv")
    comparison_tables(result)
    assert compare([]).rows.empty


def test_csv_holds_every_table(compared: Comparison, tmp_path) -> None:
    path = compared.to_csv(tmp_path / "out" / "comparison.csv")
    assert len(pd.read_csv(path)) == 27
    assert len(pd.read_csv(path.with_name("comparison_pairwise.csv"))) == 45
    assert len(pd.read_csv(path.with_name("comparison_by_species.csv"))) == 36


def test_terminal_tables_fit_a_hundred_columns(compared: Comparison) -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(comparison_tables(compared, max_rows=5))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= 100
    text = "\n".join(lines)
    assert "wordpiece-1024" in text
    assert "1 of 2 diverged" in text
    assert "21 more in the CSV" in text
    assert "k-mer logistic regression (baseline)" in text


def test_names_stay_readable_in_a_narrow_terminal() -> None:
    name = "InstaDeepAI/nucleotide-transformer-v2-50m"
    scores = {f"test_score_{place}": ["0.123 ± 0.045"] for place in range(5)}
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(terminal_table("Models", pd.DataFrame({"model": [name], **scores})))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80
    assert name[:16] in text
    assert text.count("0.123 ±") == 5
    assert "…" not in text


def test_checkpoints_are_not_called_species_sets_and_compare_no_tokenizers() -> None:
    names = {"kmer-6": "dnabert", "bpe-1024": "dnabert-2"}
    cells = [
        dataclasses.replace(
            cell(tokenizer, "none", rate, 0, trial_key=f"{name}-{rate}"),
            species_set=name,
            checkpoint=name,
            species=None,
        )
        for tokenizer, name in names.items()
        for rate in (3e-4, 1e-3)
    ]
    comparison = compare(cells, num_resamples=20)
    assert comparison.start == "checkpoint"
    assert not any("okenizers:" in sentence for sentence in comparison.findings)
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(comparison_tables(comparison))
    text = console.export_text()
    ranked, selected = text.split("Selected cells")
    assert "species set" not in text
    assert "tokenizer / checkpoint" in selected
    assert "checkpoint" in ranked
    assert "tokenizer" not in ranked
    with_sets = [*cells, cell("kmer-6", "human", 1e-3, 0)]
    assert compare(with_sets, num_resamples=20).start == "start"
    assert (
        compare([*cells, cell("kmer-6", "none", 1e-3, 0)], num_resamples=20).start == "checkpoint"
    )


def test_a_search_that_tried_single_seeds_says_so() -> None:
    tried = [cell("kmer-6", "human", 1e-3, 0), cell("bpe-1024", "human", 1e-3, 1)]
    said = " ".join(compare(tried, num_resamples=50).findings)
    assert "bpe-1024 / human (1 of 2), kmer-6 / human (1 of 2)" in said
    assert "--search grid" in said
    # More seeds were asked for already.
    assert "--seeds" not in said
    assert "where only one seed finished normally: bpe-1024 / human, kmer-6 / human." in said
    whole = [cell(name, "human", 1e-3, seed) for name in ("kmer-6", "bpe-1024") for seed in (0, 1)]
    assert "--search" not in " ".join(compare(whole, num_resamples=50).findings)
    one = [cell(name, "human", 1e-3, 0) for name in ("kmer-6", "bpe-1024")]
    said = " ".join(compare(one, num_resamples=50).findings)
    assert "One seed each" in said
    assert "--search" not in said


def test_a_larger_mean_is_not_called_a_victory() -> None:
    cells = [cell("kmer-6", "human", 1e-3, seed) for seed in (0, 1)]
    scores = dataclasses.replace(cells[0].test_scores, scores=cells[0].test_scores.scores * 0.999)
    just_below = BaselineResult(
        test={name: value - 1e-4 for name, value in cells[0].test.items()}, test_scores=scores
    )
    said = " ".join(compare(cells, baselines=[just_below], num_resamples=50).findings)
    assert "beat" not in said
    assert "not significant" in said


@pytest.mark.parametrize("metric", ["mcc", "loss"])
def test_the_model_of_a_sweep_is_a_seed_of_the_winner_whatever_luck_others_had(
    metric: str,
) -> None:
    sign = -1 if metric == "loss" else 1

    def trial(tokenizer: str, seed: int, value: float) -> CellResult:
        return cell(
            tokenizer, "none", 1e-3, seed, validation={f"validation/{metric}": sign * value}
        )

    winner = [trial("kmer-6", seed, value) for seed, value in enumerate((0.60, 0.64, 0.62))]
    lucky = [trial("bpe-1024", seed, value) for seed, value in enumerate((0.70, 0.45, 0.46))]
    trials = [*lucky, *winner]
    found = compare(trials, metric=metric)
    assert found.selected["tokenizer"].iloc[0] == "kmer-6"
    assert best_trial(found, trials) is winner[1]
    assert best_trial(compare([], metric=metric), []) is None
