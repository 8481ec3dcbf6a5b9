"""The few-shot comparison on made-up trials: means, tests, sentences and page."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shot_toys
from dnasweep.config import ModelConfig
from dnasweep.data.audit import Audit, Finding
from dnasweep.data.labels import Labels
from dnasweep.report.few_shot_page import few_shot_page, means_by_shots, shot_tables
from dnasweep.report.provenance import SweepFrame
from dnasweep.report.render import render
from dnasweep.stages.recipe import Cell, Recipe
from dnasweep.stages.scores import TestScores
from dnasweep.stages.specs import PretrainedCheckpoint
from dnasweep.storage import Storage
from dnasweep.sweeps.comparison import ShotComparison
from dnasweep.sweeps.results import cell_result
from dnasweep.sweeps.shots import compare_shots, initialisations
from dnasweep.sweeps.shots_tests import RANDOM
from dnasweep.tasks.registry import BINARY
from rich.console import Console

BASELINE = BINARY.baseline_name


@pytest.fixture(scope="module")
def comparison() -> ShotComparison:
    return compare_shots(
        shot_toys.sweep(), baselines=shot_toys.baselines(), overlap={10: 0.0, 1000: 0.6}
    )


def test_means_are_over_draws_and_seeds(comparison: ShotComparison) -> None:
    assert len(comparison.rows) == 9
    cells = [c for c in shot_toys.sweep(("random",)) if c.axes["shots"] == 100]
    values = [c.test["test/mcc"] for c in cells]
    row = comparison.rows.query("initialisation == 'MLM random' and shots == 100").iloc[0]
    assert row["test_mcc"] == pytest.approx(np.mean(values))
    assert row["test_mcc_sd"] == pytest.approx(np.std(values, ddof=1))
    assert (row["draws"], row["runs"]) == (3, 6)
    reference = comparison.baseline.set_index("shots")["test_mcc"][100]
    assert row["over_baseline"] == pytest.approx(row["test_mcc"] - reference)


def test_the_table_of_means_has_every_number(comparison: ShotComparison) -> None:
    table = means_by_shots(comparison).set_index("initialisation")
    assert table.columns.tolist() == ["10", "100", "1000"]
    reference = comparison.baseline.set_index("shots").loc[100]
    expected = f"{reference['test_mcc']:.3f} ± {reference['test_mcc_sd']:.3f}"
    assert table.loc[BASELINE, "100"] == expected
    assert table.notna().all(axis=None)


def pair(comparison: ShotComparison, a: str, b: str) -> pd.DataFrame:
    table = comparison.pairwise
    return table[(table["a"] == a) & (table["b"] == b)].set_index("shots")


def test_what_is_there_is_found_and_what_is_not_is_not(comparison: ShotComparison) -> None:
    gain = pair(comparison, "MLM random", RANDOM)
    assert (gain["mcc_p_adjusted"] < 0.05).all()
    assert (gain["auroc_p_adjusted"] < 0.05).all()
    assert (gain["pairs_for_a"] == 6).all()
    assert (gain["mcc_low"] < gain["mcc_difference"]).all()
    same = pair(comparison, "MLM genemask", "MLM random")
    assert (same["mcc_p_adjusted"] > 0.05).all()
    assert (pair(comparison, RANDOM, BASELINE)["mcc_difference"] < 0).all()
    adjusted = comparison.pairwise["mcc_p_adjusted"] >= comparison.pairwise["mcc_p"]
    assert adjusted.all()
    assert len(comparison.pairwise) == 3 * (3 + 3)


def test_the_order_of_trials_changes_no_number() -> None:
    forth = compare_shots(shot_toys.sweep(), baselines=shot_toys.baselines())
    cells = shot_toys.sweep()
    mixed = [cells[i] for i in np.random.default_rng(1).permutation(len(cells))]
    back = compare_shots(mixed, baselines=shot_toys.baselines())
    a, b = (x.pairwise.set_index(["shots", "a", "b"])["mcc_p"] for x in (forth, back))
    for key, value in a.items():
        other = b.get(key, b.get((key[0], key[2], key[1])))
        assert other == pytest.approx(value)


def test_sentences_say_what_the_tables_say(comparison: ShotComparison) -> None:
    text = "\n".join(comparison.findings)
    assert "MLM random against no pretraining: significantly better at 10, 100 and 1,000" in text
    assert "MLM genemask against MLM random: no significant difference at any number" in text
    assert "No pretraining against the k-mer logistic regression: significantly worse" in text
    assert "The value of pretraining" in text
    assert "60% at 1,000" in text
    assert "0% at 10" not in text


def test_a_smaller_error_is_better() -> None:
    """Numbers are compared by their error as well, of which less is better."""
    labels, rng = Labels(task="regression", names=("activity",)), np.random.default_rng(0)
    truth, ids = rng.normal(size=(200, 1)), np.arange(200).astype(str)

    def scored(error: float) -> TestScores:
        found = truth + error * rng.normal(size=truth.shape)
        return TestScores(ids=ids, labels=truth, scores=found, about=labels)

    cells = [
        dataclasses.replace(one, test={"test/rmse": error}, test_scores=scored(error))
        for start, error in (("none", 1.0), ("random", 0.5))
        for one in shot_toys.sweep((start,))
    ]
    found = compare_shots(cells, metric="rmse", labels=labels)
    assert (found.pairwise["rmse_difference"] < 0).all()
    assert [one.verdict for one in found.verdicts] == ["significantly better"] * 3
    assert "significantly better" in next(s for s in found.findings if "against" in s)


def test_one_draw_is_said_to_be_one(comparison: ShotComparison) -> None:
    one = compare_shots(shot_toys.sweep(draws=1), shared_encoders=True)
    text = "\n".join(one.findings)
    assert "There is only one draw" in text
    assert text.count("no verdict with one draw") == 3
    assert "significant" not in text
    assert one.pairwise["mcc_p"].isna().all()
    assert one.pairwise["mcc_difference"].notna().all()
    assert "--pretrain-per-seed" in text
    assert "--pretrain-per-seed" not in "\n".join(comparison.findings)


def test_a_lost_trial_is_told_and_leaves_its_pair() -> None:
    cells = shot_toys.sweep(("none", "random"))
    lost = dataclasses.replace(
        cells[0], outcome="diverged", reason="loss was nan", test=None, test_scores=None
    )
    found = compare_shots([lost, *cells[1:]])
    assert found.unhealthy["reason"].tolist() == ["loss was nan"]
    assert found.rows.query("shots == 10")["runs"].tolist() == [5, 6]
    assert pair(found, "MLM random", RANDOM)["pairs"].tolist() == [5, 6, 6]
    assert any("1 of 36 trials did not finish normally" in s for s in found.findings)


def test_a_sweep_in_which_nothing_finished_is_reported() -> None:
    cells = [
        dataclasses.replace(c, outcome="failed", reason="x", test=None, test_scores=None)
        for c in shot_toys.sweep(("none",))
    ]
    found = compare_shots(cells)
    assert found.findings == ["No trial finished with test scores; there is nothing to compare."]
    assert "nothing to compare" in render(few_shot_page(found, SweepFrame(title="x")))
    Console(file=open("/dev/null", "w")).print(shot_tables(found))  # noqa: SIM115


def test_trials_that_call_one_class_are_told() -> None:
    cells = shot_toys.sweep(("none",))
    scores = dataclasses.replace(cells[0].test_scores, threshold=2.0)
    found = compare_shots([dataclasses.replace(cells[0], test_scores=scores), *cells[1:]])
    assert any(
        "1 of 6 with 10 shots call all test rows the same class" in s for s in found.findings
    )
    assert not any("call every" in s for s in compare_shots(cells).findings)


def test_tokenizers_and_learning_rates_are_compared_apart() -> None:
    cells = shot_toys.sweep(("none", "random"))
    other = [
        dataclasses.replace(c, tokenizer="bpe-512", trial_key=f"b{c.trial_key}") for c in cells
    ]
    found = compare_shots([*cells, *other])
    assert len(found.pairwise) == 2 * 3
    assert len(means_by_shots(found)) == 4
    assert any("bpe-512" in sentence for sentence in found.findings)
    rated = compare_shots(cells, rates_follow_shots=False)
    assert set(rated.rows["learning_rate"]) == {1e-4, 5e-5}


def test_a_model_with_its_own_tokenizer_is_compared_with_the_others() -> None:
    cells = shot_toys.sweep(("none", "random"))
    away = [
        dataclasses.replace(
            c,
            tokenizer="bpe-4096",
            species_set="m/dnabert2",
            checkpoint="m/dnabert2",
            axes={n: c.axes[n] for n in ("shots", "resample")},
            trial_key=f"away{c.trial_key}",
        )
        for c in shot_toys.sweep(("random",))
    ]
    found = compare_shots([*cells, *away])
    name = "checkpoint m/dnabert2 (bpe-4096)"
    assert (pair(found, name, RANDOM)["mcc_difference"] > 0).all()
    assert (pair(found, name, "MLM random")["mcc_difference"] == 0).all()


def test_models_from_elsewhere_are_known_by_what_trials_come_to(tmp_path: Path) -> None:
    model = PretrainedCheckpoint(
        name="m/dnabert2", key="k", tokenizers=("bpe-4096",), model=ModelConfig()
    )
    recipe = Recipe(dataset="d", species=(), checkpoints=(model,))
    ours = Cell(tokenizer="kmer-6-overlap", species_set="none", shots=10, resample=0)
    cells = [ours, recipe.canonical(dataclasses.replace(ours, checkpoint="m/dnabert2"))]
    storage = Storage(tmp_path)
    found = [
        cell_result(
            storage, c, recipe.expand(c), start="none", species=(), tested=False, error="x"
        )
        for c in cells
    ]
    names = list(initialisations(found).values())
    assert names == [RANDOM, "checkpoint m/dnabert2 (bpe-4096)"]


def test_initialisations_have_names_that_tell_them_apart() -> None:
    cells = [
        shot_toys.cell("random", 10, 0, 0),
        dataclasses.replace(
            shot_toys.cell("random", 10, 0, 0), species_set="human", trial_key="human"
        ),
        dataclasses.replace(
            shot_toys.cell("none", 10, 0, 0),
            species_set="/models/dnabert/",
            checkpoint="/models/dnabert/",
            trial_key="away",
        ),
    ]
    assert list(initialisations(cells).values()) == [
        "MLM random on all",
        "MLM random on human",
        "checkpoint dnabert",
    ]
    other = dataclasses.replace(
        cells[2], species_set="/tuned/dnabert", checkpoint="/tuned/dnabert", trial_key="other"
    )
    assert list(initialisations([cells[2], other]).values()) == [
        "checkpoint models/dnabert",
        "checkpoint tuned/dnabert",
    ]


def test_the_page_is_whole_and_asks_nobody(comparison: ShotComparison, tmp_path: Path) -> None:
    frame = SweepFrame(
        title="few-shot",
        command="python sweeps/fewshot_grid.py",
        data={"source": "<b>x</b>"},
        audit=Audit(
            findings=(Finding(level="warning", code="x", message="look out"),),
            table=pd.DataFrame(),
        ),
    )
    page = render(few_shot_page(comparison, frame))
    assert not re.search(r"""(src|href)=["']https?://""", page)
    assert "<b>x</b>" not in page
    assert page.count("<figure>") == 1
    assert "look out" in page
    assert len(re.findall(r'<tr class="reference">', page)) == 1
    assert "UNDEFINED" not in page.upper()
    path = comparison.to_csv(tmp_path / "comparison.csv")
    again = pd.read_csv(path)
    assert again["test_mcc"].tolist() == pytest.approx(comparison.rows["test_mcc"].tolist())
    assert len(pd.read_csv(tmp_path / "comparison_runs.csv")) == 54


def test_the_terminal_shows_means_and_findings(comparison: ShotComparison) -> None:
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(shot_tables(comparison))
    text = console.export_text()
    assert "MLM genemask" in text
    assert BASELINE in text
    assert "1,000" in text
    assert max(map(len, text.splitlines())) <= 100
