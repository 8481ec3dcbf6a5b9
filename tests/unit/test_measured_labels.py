"""Numbers for labels, from a table to a page, predictions in their units and explanations."""

from __future__ import annotations

import os
from pathlib import Path

import dnasweep
import numpy as np
import pandas as pd
import pytest
from dnasweep.config import TrainingConfig
from dnasweep.data.dataset_config import DatasetConfig
from dnasweep.data.labels import Labels
from dnasweep.errors import InputError
from dnasweep.models.pretrained.encoder import describe
from dnasweep.stages.classifier import finetune
from dnasweep.stages.dataset import load_dataset, obtain_dataset
from dnasweep.stages.models import keep_model
from dnasweep.stages.recipe import Cell, Recipe
from dnasweep.stages.specs import PretrainedCheckpoint
from dnasweep.storage import Storage
from dnasweep.sweeps.axes import FewShotOptions
from dnasweep.sweeps.few_shot import few_shot_cells
from dnasweep.sweeps.in_process import InProcessExecutor
from dnasweep.tasks.registry import task_of
from dnasweep.tokens.recognition import candidate_configs
from dnasweep.workflows.few_shot_ending import compare_few_shots
from dnasweep.workflows.sweep import run_sweep
from golden_models import as_safetensors, cases
from rich.console import Console
from task_toys import sweep_small
from toy_data import MOTIF, write_measured
from transformers import GPT2Config, GPT2ForSequenceClassification


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> dnasweep.Sweep:
    return sweep_small(write_measured(tmp_path_factory.mktemp("numbers") / "mpra.csv"))


def carrying(copies: int) -> str:
    bases = np.random.default_rng(3).choice(list("ACGT"), 60)
    for start in (10, 30, 45)[:copies]:
        bases[start : start + len(MOTIF)] = list(MOTIF)
    return "".join(bases)


def test_a_sweep_ranks_by_correlation_and_tests(swept: dnasweep.Sweep) -> None:
    assert swept.metric == "pearson"
    assert (swept.selected["test_pearson"] > 0.6).all()
    assert (swept.selected["test_rmse"] < 12).all()
    assert swept.tests[["pearson_p", "rmse_p", "ensemble_pearson_p"]].notna().all(axis=None)
    assert set(swept.baseline["name"]) == {"k-mer ridge regression"}
    text = swept.report.read_text()
    assert "Pearson r" in text
    assert "MCC" not in text


def test_predictions_are_in_the_units_of_the_labels(swept: dnasweep.Sweep) -> None:
    model = swept.best()
    assert model.classes == ["value"]
    found = model.predict([carrying(n) for n in (0, 3)], progress=False)
    assert list(found) == ["id", "predicted_value"]
    few, many = found["predicted_value"]
    assert many - few > 10
    assert -15 < few < 20 < many < 45


def test_the_number_itself_is_explained(swept: dnasweep.Sweep) -> None:
    model = swept.best()
    found = dnasweep.explain(model, [carrying(3)], progress=False)
    assert found.settings["target"] == "value"
    assert found.unit == "unit of the labels"
    predicted = model.predict([carrying(3)], progress=False)["predicted_value"].iloc[0]
    assert found[0].prediction == pytest.approx(predicted, abs=1e-2)
    for options, message in (
        ({"value": "probability"}, "predicts numbers, which have no probability"),
        ({"estimator": "anchors"}, "predicts value and no class"),
    ):
        with pytest.raises(InputError, match=message):
            dnasweep.explain(model, [carrying(3)], progress=False, **options)


def test_a_model_of_numbers_scans_and_scores_variants(
    swept: dnasweep.Sweep, tmp_path: Path
) -> None:
    text, genome = carrying(1) * 5, tmp_path / "genome.fa"
    genome.write_text(f">chr1\n{text}\n")
    tracks = dnasweep.scan(swept.best(), genome, window=60, progress=False)
    (name,) = tracks.bigwigs
    assert tracks.to_frame()[name].notna().all()
    given = pd.DataFrame(
        {"chrom": ["chr1"], "pos": [71], "ref": [text[70]], "alt": ["ACGT"[text[70] == "A"]]}
    )
    scores = dnasweep.score_variants(
        swept.best(), given, genome=genome, window=60, backgrounds=3, progress=False
    )
    assert scores[f"delta_{name}"].notna().all()
    assert scores["p_value"].between(0.25, 1).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "auroc"}, "no metric 'auroc' for these labels"),
        ({"label_smoothing": 0.1}, "--label-smoothing is for classes"),
    ],
)
def test_what_is_of_classes_alone_is_refused(tmp_path: Path, options, message) -> None:
    path = write_measured(tmp_path / "mpra.csv", rows=60)
    with pytest.raises(InputError, match=message):
        dnasweep.sweep(
            str(path),
            storage=tmp_path / "runs",
            tracking_uri="none",
            split="random",
            progress=False,
            **options,
        )


def test_a_number_that_is_the_same_in_every_row_is_refused(tmp_path: Path) -> None:
    path = write_measured(tmp_path / "mpra.csv", rows=60)
    pd.read_csv(path).assign(label=2.5).to_csv(path, index=False)
    with pytest.raises(InputError, match=r"mpra\.csv: value: all 48 train rows have the same"):
        dnasweep.sweep(
            str(path),
            storage=tmp_path / "runs",
            tracking_uri="none",
            split="random",
            progress=False,
        )


@pytest.mark.slow
def test_few_shots_of_numbers_are_compared_by_correlation(tmp_path: Path) -> None:
    options = FewShotOptions(
        data=(str(write_measured(tmp_path / "mpra.csv", rows=200)),),
        storage=str(tmp_path / "runs"),
        tracking_uri="none",
        shots=(20, 60),
        resamples=2,
        seeds=(0, 1),
        species_sets=("none",),
        tokenizers=("kmer-3",),
        preset="1x32x2",
        split="random",
        learning_rates=(1e-2,),
        finetune_epochs=4,
    )
    console = Console(record=True, width=160, file=open(os.devnull, "w"))  # noqa: SIM115
    run_sweep(
        "few", options.axes, options, console, cells=few_shot_cells, ending=compare_few_shots,
        executor=InProcessExecutor,
    )  # fmt: skip
    said = console.export_text()
    assert "Test Pearson r by shots" in said
    assert "k-mer ridge regression" in said
    assert "AUROC" not in said
    (page,) = (tmp_path / "runs").rglob("comparison.html")
    assert "MCC" not in page.read_text()


@pytest.mark.parametrize(("column", "name"), [("effect", "effect"), ("label", "value")])
def test_numbers_are_named_after_their_column(column: str, name: str, tmp_path: Path) -> None:
    data = write_measured(tmp_path / "mpra.csv", rows=40)
    pd.read_csv(data).rename(columns={"label": column}).to_csv(data, index=False)
    storage = Storage(tmp_path / "runs")
    key, _ = obtain_dataset(storage, DatasetConfig(data=(str(data),), label_column=(column,)))
    assert load_dataset(storage, key).labels.names == (name,)


@pytest.mark.parametrize("case", [*cases("hyenadna")[:1], *cases("caduceus")])
def test_models_whose_head_has_no_bias_learn_numbers_with_one(case: Path, tmp_path: Path) -> None:
    source = as_safetensors(case / "checkpoint", tmp_path / "checkpoint")
    data = write_measured(tmp_path / "mpra.csv", rows=40)
    storage = Storage(tmp_path / "runs")
    key, _ = obtain_dataset(storage, DatasetConfig(data=(str(data),)))
    checkpoint = PretrainedCheckpoint(
        name="golden",
        key=keep_model(storage, source),
        tokenizers=tuple(one.name for one in candidate_configs(source)),
        model=describe(source),
    )
    short = TrainingConfig(bases=400, batch_size=8, micro_batch_size=8)
    recipe = Recipe(dataset=key, species=(), checkpoints=(checkpoint,), finetuning=short)
    spec = recipe.expand(Cell(checkpoint="golden", species_set="none"))
    finetune(storage, spec)
    model = dnasweep.load_model(storage.expect(spec.kind, spec.key) / "checkpoint")
    labels = pd.read_csv(data).iloc[:, -1]
    predicted = model.predict(["ACGTTGCA" * 5, "TTATATAA" * 5]).iloc[:, -1]
    assert (abs(predicted - labels.mean()) < 3 * labels.std()).all()


def test_a_model_that_cannot_learn_numbers_is_refused() -> None:
    config = GPT2Config(vocab_size=8, n_embd=8, n_layer=1, n_head=1, num_labels=1)
    with pytest.raises(
        InputError, match="gpt2 model has no bias, so that it cannot learn numbers"
    ):
        task_of(Labels(task="regression", names=("value",))).check_model(
            GPT2ForSequenceClassification(config)
        )
