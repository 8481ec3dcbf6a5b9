"""The defaults for the built-in data: when they hold, what they give, and what the page says of them."""

from __future__ import annotations

import io
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from dnasweep.api.options import make_options
from dnasweep.cli.command import run_command
from dnasweep.config import versions
from dnasweep.data.planted_elements import planted
from dnasweep.data.simulate import simulate
from dnasweep.errors import InputError
from dnasweep.stages.dataset import load_dataset
from dnasweep.sweeps.axes import FewShotOptions, SweepOptions
from dnasweep.sweeps.built_in import GRID, describe_defaults
from dnasweep.sweeps.in_process import InProcessExecutor
from dnasweep.sweeps.request import Sweep, prepare_sweep
from dnasweep.workflows.announce import announce_plan
from dnasweep.workflows.sweep import run_sweep
from rich.console import Console
from toy_data import write_toy_table


def read(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> SweepOptions:
    """Return options as a command reads them."""
    found: list[SweepOptions] = []
    monkeypatch.setattr("sys.argv", ["sweep", *arguments])
    with pytest.raises(SystemExit):
        run_command(lambda options, _: found.append(options), SweepOptions, doc="A sweep.")
    return found[0]


def differing(options: SweepOptions) -> dict[str, Any]:
    return {name: getattr(options, name) for name in GRID}


def test_they_hold_without_files_and_what_is_given_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    assert differing(read(monkeypatch)) == GRID
    chosen = read(monkeypatch, "--keep", "mcc", "--pretrain-rows", "0", "--seeds", "5")
    assert differing(chosen) == GRID | {"keep": "mcc", "pretrain_rows": 0}
    assert chosen.seeds == (5,)
    said = describe_defaults(chosen)
    assert "--tokenizers kmer-3" in said
    assert "--keep" not in said


def test_data_of_the_user_keep_the_usual_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in (("--data", "x.csv"), ("--positives", "x.fa"), ("--negatives", "x.fa")):
        chosen = read(monkeypatch, *arguments)
        assert differing(chosen) == differing(SweepOptions())
        assert not describe_defaults(chosen)


def test_python_has_the_same_defaults() -> None:
    assert differing(make_options(SweepOptions, {"data": ()})) == GRID
    assert make_options(SweepOptions, {"keep": "auroc"}).keep == "auroc"
    assert differing(make_options(SweepOptions, {"data": ("x.csv",)})) == differing(SweepOptions())


def planned(tmp_path: Path, console: Console | None = None, **options: Any) -> Sweep:
    asked = SweepOptions(
        storage=str(tmp_path / "runs"),
        preset="1x16",
        tokenizers=("kmer-3",),
        dry_run=True,
        **options,
    )
    return prepare_sweep("toy", asked.axes, asked, console or Console(quiet=True))


def test_two_versions_in_one_storage_keep_their_records_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = planned(tmp_path, simulated_rows=24)
    before = sweep.key
    assert sweep.key == before
    monkeypatch.setattr(versions, "STAGES", versions.STAGES + 1)
    assert sweep.key != before


def test_sequences_to_pretrain_on_are_of_other_families(tmp_path: Path) -> None:
    said = io.StringIO()
    options = {"simulated_rows": 24, "pretrain_rows": 30}
    sweep = planned(tmp_path, Console(file=said, width=200), species_sets=("all",), **options)
    announce_plan(sweep)
    assert "240 simulated sequences of other families" in said.getvalue()
    assert sweep.pretraining is not None
    encoder = sweep.plan.encoders[0]
    read_rows = load_dataset(sweep.storage, encoder.tokenizer.dataset).table
    assert len(read_rows) == 8 * 30
    assert not set(read_rows["sequence"]) & set(sweep.data.table["sequence"])
    # Of one family, human and macaque differ at one base in fifteen; of two, at three in four.
    apes = [t[t["species"] == "human"]["sequence"] for t in (sweep.data.table, read_rows)]
    alike = [
        np.mean([a == b for a, b in zip(x, y, strict=True)]) for x in apes[0] for y in apes[1]
    ]
    assert max(alike) < 0.6
    promoters = read_rows[(read_rows["split"] == "train") & (read_rows["label"] == 1)]
    assert sweep.recipe.pretraining.bases == 6 * 300 * len(promoters)


def test_too_few_of_them_are_refused_with_a_remedy_that_works(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 simulated sequences per species are too few"):
        planned(tmp_path, simulated_rows=24, pretrain_rows=2)
    assert planned(tmp_path, simulated_rows=24, pretrain_rows=0).pretraining is None


def test_they_are_refused_beside_data(tmp_path: Path) -> None:
    table = str(write_toy_table(tmp_path / "toy.csv", rows=60))
    with pytest.raises(InputError, match="pretrain_rows is 9 with data"):
        planned(tmp_path, data=(table,), pretrain_rows=9)


def test_files_to_pretrain_on_come_before_them(tmp_path: Path) -> None:
    table = str(write_toy_table(tmp_path / "toy.csv", rows=60))
    sweep = planned(
        tmp_path, simulated_rows=24, pretrain_rows=9, pretrain_data=(table,), max_tokens=302
    )
    assert sweep.pretraining is not None
    assert sweep.pretraining.source == table


def test_the_table_of_what_is_planted_is_what_the_simulator_plants() -> None:
    made = simulate(sequences_per_species=4000, species=("human", "worm"), decoy_rate=0.5)
    table = planted(("human", "worm"), 0.5).groupby("element")[["in_promoters", "in_negatives"]]
    for name, expected in table.sum().iterrows():
        for found, column in ((made.elements, "in_promoters"), (made.decoys, "in_negatives")):
            rows = found[found["element"] == name]["id"].nunique() / 4000
            assert rows == pytest.approx(expected[column], abs=0.02), name


def test_few_shots_have_no_choice_of_weights() -> None:
    assert FewShotOptions(shots=(5,)).keep == "mcc"


def test_a_sweep_says_the_truth_and_ends_with_how_to_explain_its_winner(tmp_path: Path) -> None:
    said = io.StringIO()
    asked = SweepOptions(
        storage=str(tmp_path / "runs"),
        preset="1x16",
        tokenizers=("kmer-3",),
        species_sets=("none", "all"),
        simulated_rows=24,
        pretrain_rows=30,
        decoy_rate=0.5,
        finetune_epochs=8.0,
        pretrain_epochs=0.5,
        learning_rates=(1e-2,),
        seeds=(0,),
        evaluations=1,
    )
    console = Console(file=said, width=200)
    run_sweep("toy", asked.axes, asked, console, executor=InProcessExecutor)
    words = shlex.split(said.getvalue().strip().splitlines()[-1])
    assert words[:4] == ["dnasweep", "shap-batch", "--model", "models:/toy@best"]
    rows = pd.read_csv(words[words.index("--data") + 1])
    assert set(rows["label"]) == {0, 1}
    assert rows["species"].nunique() == 8
    assert words[words.index("--storage") + 1] == asked.storage
    assert "bits per base (kmer-3 unigrams" in said.getvalue()
    (page,) = (tmp_path / "runs").glob("sweeps/*/report/comparison.html")
    text = page.read_text()
    assert "Ground truth of the built-in data" in text
    assert "TATAWAWR" in text
    assert "240 simulated sequences of other families, 120 of them promoters" in text
