"""A registered model answers raw DNA, and is found again by run, alias, version and path."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dnasweep.config import ModelConfig, TuningConfig
from dnasweep.errors import InputError
from dnasweep.storage import Storage
from dnasweep.sweeps.checkpoints import prepare_checkpoints
from dnasweep.tracking.client import connect, default_store
from dnasweep.tracking.lookup import find_model_directory
from dnasweep.tracking.tags import CHECKPOINT_TAG
from dnasweep.tracking.tracker import Tracker
from mlflow_toys import runs_of

pytest_plugins = ("mlflow_toys",)


def register(uri: str, spool: Path, model: Path) -> str:
    with Tracker(uri, "sweep", spool) as tracker:
        tracker.run("cell", name="a cell", params={"seed": 0})
        tracker.model(
            "cell", model, registered_name="promoters", alias="best", example="ACGTACGTAA"
        )
        tracker.end("cell")
        assert tracker.flush(120) == 0
    return str(runs_of(uri)["cell"].info.run_id)


def test_a_registered_model_answers_raw_dna_and_is_found_by_every_name(
    uri: str, spool: Path, toy_model: Path, tmp_path: Path
) -> None:
    run_id = register(uri, spool, toy_model)
    assert register(uri, spool, toy_model) == run_id
    versions = connect(uri).search_model_versions("name = 'promoters'")
    assert [version.version for version in versions] == [1]
    with sqlite3.connect(uri.removeprefix("sqlite:///")) as store:
        assert store.execute("select count(*) from logged_models").fetchone() == (1,)

    import mlflow.pyfunc
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    sequences = ["ACGTACGTAA", "TTTTTTTT", "GGGGCCCCAT"]
    with default_store(uri):
        loaded = mlflow.pyfunc.load_model("models:/promoters@best")
    answer = loaded.predict(sequences)
    model = AutoModelForSequenceClassification.from_pretrained(toy_model).eval()
    tokens = AutoTokenizer.from_pretrained(toy_model)(sequences, padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = model(**tokens).logits.softmax(-1).max(-1).values
    np.testing.assert_allclose(answer["score"], expected.numpy(), atol=1e-5)
    as_table = loaded.predict(pd.DataFrame({"text": sequences}))
    np.testing.assert_allclose(as_table["score"], expected.numpy(), atol=1e-5)
    assert loaded.metadata.signature is not None
    assert loaded.metadata.saved_input_example_info is not None

    for number, name in enumerate(
        (run_id, "promoters@best", "models:/promoters@best", "models:/promoters/1")
    ):
        found = find_model_directory(name, uri=uri, destination=tmp_path / f"got{number}")
        there = {path.name: path.read_bytes() for path in found.iterdir()}
        assert there["model.safetensors"] == (toy_model / "model.safetensors").read_bytes()
        assert there["dnasweep_tokenizer.json"] == b'{"kind": "char"}'
        assert AutoTokenizer.from_pretrained(found)("ACGT")["input_ids"] == [2, 5, 6, 7, 8, 3]


def test_a_run_is_found_by_its_checkpoint_tag_or_artifact(
    uri: str, spool: Path, toy_model: Path
) -> None:
    with Tracker(uri, "sweep", spool) as tracker:
        tracker.run("tagged", name="t", tags={CHECKPOINT_TAG: toy_model})
        tracker.run("uploaded", name="u")
        tracker.artifact("uploaded", toy_model, "checkpoint")
        tracker.run("neither", name="n")
        tracker.flush(30)
    ids = {key: str(run.info.run_id) for key, run in runs_of(uri).items()}
    assert find_model_directory(ids["tagged"], uri=uri) == toy_model
    assert (find_model_directory(ids["uploaded"], uri=uri) / "tokenizer.json").is_file()
    with pytest.raises(InputError, match=r"has no model.*parent run of a sweep has no model"):
        find_model_directory(ids["neither"], uri=uri)


def test_a_directory_is_taken_as_it_is(toy_model: Path, tmp_path: Path) -> None:
    assert find_model_directory(str(toy_model)) == toy_model
    with pytest.raises(InputError, match=r"config.json, tokenizer.json missing .*nothing"):
        find_model_directory(str(tmp_path))


def test_a_damaged_model_of_a_storage_is_named(toy_model: Path, tmp_path: Path) -> None:
    storage = Storage(tmp_path / "runs")
    trial = storage.obtain("trials", "k", lambda to: shutil.copytree(toy_model, to / "checkpoint"))
    assert find_model_directory(str(trial / "checkpoint")) == trial / "checkpoint"
    weights = trial / "checkpoint" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(InputError, match=r"model.safetensors has different content") as caught:
        find_model_directory(str(trial / "checkpoint"))
    assert caught.value.file == str(trial)
    with pytest.raises(InputError, match=r"different content"):
        prepare_checkpoints(
            storage, [str(trial / "checkpoint")], model=ModelConfig(), tunings=[TuningConfig()]
        )
    # What the message offers.
    copied = shutil.copytree(trial / "checkpoint", tmp_path / "copied")
    assert find_model_directory(str(copied)) == copied
    shutil.rmtree(trial)
    storage.obtain("trials", "k", lambda to: shutil.copytree(toy_model, to / "checkpoint"))
    assert find_model_directory(str(trial / "checkpoint")) == trial / "checkpoint"


@pytest.mark.parametrize("name", ["~nobody-of-this-name/model", "x/y/" + "z" * 5000, "a\0b/c/d"])
def test_a_start_that_can_be_no_directory_is_refused_in_words(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such model directory"):
        prepare_checkpoints(
            Storage(tmp_path), [name], model=ModelConfig(), tunings=[TuningConfig()]
        )


@pytest.mark.parametrize("beside", ["{}", "no json", '{"sha256": ["config.json"]}', "[]"])
def test_a_manifest_of_somebody_else_says_nothing(
    toy_model: Path, tmp_path: Path, beside: str
) -> None:
    model = shutil.copytree(toy_model, tmp_path / "model")
    (tmp_path / "manifest.json").write_text(beside)
    (model / "manifest.json").write_text(beside)
    assert find_model_directory(str(model)) == model


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("/no/such/folder", "neither an MLflow run id nor a registered model"),
        ("~nobody-of-this-name/model", "neither an MLflow run id nor a registered model"),
        ("x/" + "y" * 5000 + "/z", "neither an MLflow run id nor a registered model"),
        ("a\0b/c/d", "neither an MLflow run id nor a registered model"),
        ("0" * 32, "not found"),
        ("promoters@best", "registered models: none"),
        ("models:/promoters/3", "registered models: none"),
    ],
)
def test_what_is_not_there_is_said(uri: str, source: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        find_model_directory(source, uri=uri)


def test_a_missing_database_is_not_made_by_a_look_up(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no MLflow database"):
        find_model_directory("a@b", uri=f"sqlite:///{tmp_path / 'none.db'}")
    assert not (tmp_path / "none.db").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_mlflow_models_predict_answers_raw_dna(
    uri: str, spool: Path, toy_model: Path, tmp_path: Path
) -> None:
    register(uri, spool, toy_model)
    for number, body in enumerate(
        (
            {"inputs": ["ACGTACGT", "TTTT"]},
            {"dataframe_split": {"columns": ["text"], "data": [["AC"], ["GT"]]}},
        )
    ):
        given, got = tmp_path / f"in{number}.json", tmp_path / f"out{number}.json"
        given.write_text(json.dumps(body))
        subprocess.run(
            [
                str(Path(sys.executable).with_name("mlflow")),
                *("models", "predict", "-m", "models:/promoters@best"),
                *("--env-manager", "local", "-i", str(given), "-o", str(got)),
            ],
            env={**os.environ, "MLFLOW_TRACKING_URI": uri},
            check=True,
            timeout=280,
        )
        answer = json.loads(got.read_text())["predictions"]
        assert [set(row) for row in answer] == [{"label", "score"}] * 2
