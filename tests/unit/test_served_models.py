"""A model that no pipeline of transformers answers for: MLflow gives what the model itself does."""

from __future__ import annotations

import json
from pathlib import Path

import dnasweep
import mlflow.pyfunc
import pandas as pd
import pytest
from backbone_toys import SIZE, dnabert_kmers, save
from dnasweep.config import ModelConfig
from dnasweep.models.architecture import build_classifier
from dnasweep.models.families.classes import classes_of, register
from dnasweep.models.families.registry import FAMILIES
from dnasweep.models.pretrained.checkpoint import export, load_classifier
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tracking.client import default_store
from dnasweep.tracking.flavours import has_pipeline
from dnasweep.tracking.lookup import find_model_directory
from dnasweep.tracking.tracker import Tracker
from golden_models import cases
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
)

pytest_plugins = ("mlflow_toys",)
SEQUENCES = ["ACGTACGTAA", "TTTTTTTT", "GGGGCCCCAT"]


def bert(folder: Path, **settings: object) -> Path:
    """Write a tiny BERT classifier over 3-mers with transformers alone."""
    kmers = dnabert_kmers(3)
    config = BertConfig(vocab_size=len(kmers), max_position_embeddings=64, **SIZE, **settings)
    return save(BertForSequenceClassification(config), folder, kmers)


def alibi(folder: Path) -> Path:
    """Write a classifier of our own architecture."""
    plain = bert(folder / "plain")
    tokenizer = load_tokenizer(plain)
    model = build_classifier(
        ModelConfig.preset("1x16x2-alibi"), tokenizer=tokenizer, num_tokens=20, dropout=0.0, seed=0
    )
    return export(model, tokenizer, folder / "alibi")


def several(folder: Path) -> Path:
    """Write a classifier of three labels, of which a row may have several."""
    names = {0: "H3K4me3", 1: "H3K27ac", 2: "CTCF"}
    return bert(folder, problem_type="multi_label_classification", id2label=names)


def numbers(folder: Path) -> Path:
    """Write a model of two numbers."""
    return bert(folder, problem_type="regression", id2label={0: "Dev", 1: "Hk"})


@pytest.mark.parametrize("make", [alibi, several, numbers])
def test_mlflow_answers_as_the_model_does(make, uri: str, spool: Path, tmp_path: Path) -> None:
    directory = make(tmp_path)
    assert not has_pipeline(json.loads((directory / "config.json").read_text()))
    with Tracker(uri, "sweep", spool) as tracker:
        tracker.run("cell", name="a cell")
        tracker.model("cell", directory, registered_name="m", alias="best", example="ACGTACGTAA")
        tracker.end("cell")
        assert tracker.flush(120) == 0
    with default_store(uri):
        served = mlflow.pyfunc.load_model("models:/m@best")
    expected = dnasweep.load_model(directory).predict(SEQUENCES).drop(columns="id")
    for given in (SEQUENCES, pd.DataFrame({"dna": SEQUENCES})):
        pd.testing.assert_frame_equal(served.predict(given), expected)
    found = find_model_directory("m@best", uri=uri, destination=tmp_path / "again")
    pd.testing.assert_frame_equal(
        dnasweep.load_model(found).predict(SEQUENCES).drop(columns="id"), expected
    )


def test_two_classes_that_transformers_does_not_write_down_have_its_names(tmp_path: Path) -> None:
    directory = bert(tmp_path / "model")
    assert "id2label" not in json.loads((directory / "config.json").read_text())
    model = dnasweep.load_model(directory)
    assert model.classes == ["LABEL_0", "LABEL_1"]
    table = model.predict(SEQUENCES)
    assert set(table["call"]) <= set(model.classes)
    assert table.filter(like="probability_").sum(axis=1).to_numpy() == pytest.approx(1)


def test_auto_classes_know_every_family_once_they_are_registered() -> None:
    register()
    register()
    for family in FAMILIES:
        found = classes_of(family)
        auto = AutoModelForSequenceClassification._model_mapping
        assert auto[found.config] is found.classifier


@pytest.mark.parametrize("case", cases("dnabert2", "gena", "nt_v2", "hyenadna", "caduceus"))
def test_an_exported_family_is_read_by_auto_classes(case: Path, tmp_path: Path) -> None:
    model = dnasweep.load_model(case / "classifier")
    directory = export(load_classifier(case / "classifier"), model.tokenizer, tmp_path / "model")
    register()
    plain = AutoModelForSequenceClassification.from_pretrained(directory)
    assert type(plain).__module__.startswith("dnasweep.models.families")
    again = dnasweep.load_model(directory)
    pd.testing.assert_frame_equal(again.predict(SEQUENCES), model.predict(SEQUENCES))
