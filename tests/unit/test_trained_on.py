"""A classifier that learns from other species than it is evaluated on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from dnasweep.config import ModelConfig, TrainingConfig
from dnasweep.data.decision_threshold import best_threshold
from dnasweep.errors import InputError
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import load_classifier
from dnasweep.stages.classifier import finetune
from dnasweep.stages.outcome import CHECKPOINT
from dnasweep.stages.recipe import Cell, Recipe
from dnasweep.stages.scores import evaluate_on_test
from dnasweep.storage import Storage
from dnasweep.sweeps.data_options import DataOptions
from dnasweep.sweeps.preparation import prepare_data
from dnasweep.tokens.loading import load_tokenizer
from safetensors.numpy import load_file
from toy_data import write_toy_table


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    return Storage(tmp_path_factory.mktemp("trained-on") / "runs")


@pytest.fixture(scope="module")
def data(storage: Storage):
    table = write_toy_table(storage.folder("data") / "toy.csv")
    return prepare_data(storage, DataOptions(data=(str(table),), split="random"))


@pytest.fixture(scope="module")
def recipe(data) -> Recipe:
    return Recipe(
        dataset=data.key,
        species=data.species,
        model=ModelConfig(layers=1, hidden=32, heads=2),
        finetuning=TrainingConfig(bases=40_000, batch_size=16, micro_batch_size=16, evaluations=2),
    )


def test_it_learns_from_one_species_and_is_evaluated_on_another(
    storage: Storage, data, recipe: Recipe
) -> None:
    away = recipe.expand(
        Cell(tokenizer="kmer-3", species_set="none", target="human", trained_on="mouse")
    )
    home = recipe.expand(Cell(tokenizer="kmer-3", species_set="none", target="mouse"))
    weights = {}
    for name, spec in (("away", away), ("home", home)):
        outcome = finetune(storage, spec)
        folder = storage.find(spec.kind, spec.key)
        weights[name] = load_file(folder / CHECKPOINT / "model.safetensors")
        assert outcome.steps > 0
    assert away.key != home.key
    for name, value in weights["home"].items():
        np.testing.assert_array_equal(weights["away"][name], value)

    scored, table = evaluate_on_test(storage, away), data.table
    human = table[(table["species"] == "human") & (table["split"] == "test")]
    assert list(scored.ids) == list(human["id"])
    checkpoint = storage.find(away.kind, away.key) / CHECKPOINT
    model, tokenizer = load_classifier(checkpoint), load_tokenizer(checkpoint)
    seen = table[(table["species"] == "mouse") & (table["split"] == "validation")]
    scores = predict_probabilities(model, tokenizer, seen["sequence"].tolist())[:, 1]
    # Training computed the same probabilities in other batches.
    there = best_threshold(seen["label"].to_numpy(), scores)
    assert scored.threshold == pytest.approx(there, abs=1e-5)
    assert scored.threshold == model.config.decision_threshold
    assert scored.threshold == evaluate_on_test(storage, home).threshold
    assert set(scored.per_species) == {"human"}


def test_species_without_rows_of_both_classes_are_refused(
    storage: Storage, data, recipe: Recipe
) -> None:
    cell = Cell(tokenizer="kmer-3", species_set="none", target="human", trained_on="worm+rat")
    with pytest.raises(InputError, match="none of the species of the data"):
        recipe.expand(cell)
    spec = recipe.expand(dataclasses.replace(cell, trained_on="mouse"))
    with pytest.raises(InputError, match="rows of worm have only one class"):
        finetune(storage, dataclasses.replace(spec, trained_on=("worm",)))
