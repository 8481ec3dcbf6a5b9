"""Classifiers know the lengths of their training sequences: defaults follow them, and other lengths are said."""

from __future__ import annotations

import json
from pathlib import Path

import dnasweep
import numpy as np
import pandas as pd
import pytest
from api_toys import WINDOW, toy_genome, toy_model
from dnasweep.config import ModelConfig, TrainingConfig
from dnasweep.data.dataset_config import DatasetConfig
from dnasweep.errors import InputError
from dnasweep.genomics.variant_models import open_model, window_of
from dnasweep.stages.classifier import finetune
from dnasweep.stages.dataset import obtain_dataset
from dnasweep.stages.outcome import CHECKPOINT
from dnasweep.stages.recipe import Cell, Recipe
from dnasweep.storage import Storage
from dnasweep.tasks.trained_lengths import TRAINED_LENGTHS, note_on_window, trained_lengths
from toy_data import write_toy_table

LENGTHS = [30, WINDOW, 40]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    directory = toy_model(tmp_path)
    return set_lengths(directory, LENGTHS)


def set_lengths(directory: Path, lengths: object) -> Path:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {TRAINED_LENGTHS: lengths}))
    return directory


def test_training_stores_the_lengths_of_training_rows_alone(tmp_path: Path) -> None:
    path = write_toy_table(tmp_path / "toy.csv", rows=80)
    table = pd.read_csv(path)
    table["split"] = np.array(["train", "train", "validation", "test"])[table.index // 2 % 4]
    train = table["split"] == "train"
    table.loc[train, "sequence"] = table.loc[train, "sequence"].str[:40]
    table.loc[table.index[:4], "sequence"] = table["sequence"].str[:31]
    table.drop(columns="species").to_csv(path, index=False)
    storage = Storage(tmp_path / "runs")
    key, _ = obtain_dataset(storage, DatasetConfig(data=(str(path),), leaks="keep"))
    recipe = Recipe(
        dataset=key,
        species=(),
        model=ModelConfig(layers=1, hidden=16, heads=2),
        finetuning=TrainingConfig(bases=500, batch_size=5, micro_batch_size=5, evaluations=1),
    )
    spec = recipe.expand(Cell(tokenizer="kmer-3", species_set="none"))
    finetune(storage, spec)
    config = storage.expect(spec.kind, spec.key) / CHECKPOINT / "config.json"
    assert json.loads(config.read_text())[TRAINED_LENGTHS] == [31, 40, 40]


def test_predictions_and_explanations_say_which_lengths_are_unusual(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usual, short = "ACGT" * 9, "ACGT" * 5
    loaded = dnasweep.load_model(model)
    for call in (loaded.predict, lambda rows: dnasweep.explain(loaded, rows, max_evals=30)):
        call([usual, usual])
        assert "was trained on" not in capsys.readouterr().err
        call([usual, short])
        said = " ".join(capsys.readouterr().err.split())
        assert "trained on sequences of 30 to 40 bases; 1 of these 2" in said
        assert "(20 bases)" in said


def test_windows_have_the_median_length_unless_another_is_given(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    genome = toy_genome(tmp_path)
    assert window_of(open_model(model)) == WINDOW
    base = genome.read_text().splitlines()[1][1_500]
    variants = pd.DataFrame(
        {"chrom": ["chr1"], "pos": [1_501], "ref": [base], "alt": ["ACGT"[base == "A"]]}
    )
    given = {"genome": genome, "backgrounds": 0}
    same = dnasweep.score_variants(model, variants, **given, window=WINDOW)
    assert dnasweep.score_variants(model, variants, **given).equals(same)
    assert dnasweep.scan(model, genome).settings["window"] == WINDOW
    assert "was trained on" not in capsys.readouterr().err
    dnasweep.score_variants(model, variants, **given, window=24)
    dnasweep.scan(model, genome, window=24)
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("trained on sequences of 30 to 40 bases, but windows have 24") == 2


def test_a_scan_by_a_model_of_unknown_lengths_needs_a_window(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not contain the length") as refusal:
        dnasweep.scan(toy_model(tmp_path), toy_genome(tmp_path), progress=False)
    assert "--window" in str(refusal.value)


def test_a_default_window_fits_into_the_model(model: Path) -> None:
    unknown = open_model(set_lengths(model, None))
    longest = window_of(unknown)
    assert longest > WINDOW
    assert window_of(open_model(set_lengths(model, [longest + 9] * 3))) == longest


@pytest.mark.parametrize(
    "lengths", [100, [100, 100], [0, 1, 1], [3, 2, 4], [1.0, 2, 3], [True, 1, 1]]
)
def test_lengths_that_are_none_are_refused(lengths: object) -> None:
    with pytest.raises(InputError, match=f"remove {TRAINED_LENGTHS}"):
        trained_lengths({TRAINED_LENGTHS: lengths})


def test_models_of_unknown_lengths_are_not_spoken_of() -> None:
    assert note_on_window(None, 24) == ""
