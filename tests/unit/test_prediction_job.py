"""Predictions by a job of shards: those of one table, whatever was computed before."""

from __future__ import annotations

import dataclasses
import io
import shutil
from pathlib import Path

import pandas as pd
import pytest
from dnasweep.errors import InputError
from dnasweep.genomics import predictions
from dnasweep.jobs.executor import InProcess
from dnasweep.jobs.prediction_request import PredictOptions
from dnasweep.jobs.shards.store import Shards
from dnasweep.storage import Storage
from dnasweep.workflows import run as jobs_run
from dnasweep.workflows.predictions import PredictionJob
from prediction_toys import predict_table
from rich.console import Console
from shap_toys import write_model, write_sequences

NUM, ROWS = 20, 8


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def options(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PredictOptions:
    monkeypatch.setattr(predictions, "ROWS", ROWS)
    write_sequences(tmp_path / "toy.csv", NUM)
    return PredictOptions(
        model=str(model),
        data=(str(tmp_path / "toy.csv"),),
        out=str(tmp_path / "out.csv"),
        storage=str(tmp_path / "runs"),
        batch_size=4,
    )


def run(options: PredictOptions) -> str:
    """Run a job and return what it said."""
    said = io.StringIO()
    jobs_run.run(PredictionJob.of, options, Console(file=said, width=200), executor=InProcess())
    return said.getvalue()


def shards_of(options: PredictOptions) -> Shards:
    storage = Storage(options.storage)
    (folder,) = (storage.local / "predictions").iterdir()
    return Shards.open(storage, "predictions", folder.name)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_file_is_that_of_one_table(options: PredictOptions, model: Path, ending: str) -> None:
    out = Path(options.out).with_suffix(f".{ending}")
    said = run(dataclasses.replace(options, out=str(out)))
    assert f"{NUM} sequences: " in said
    table = options.read_rows().table
    expected = out.with_name(f"expected.{ending}")
    predictions.write_predictions(predict_table(model, table, batch_size=4), expected)
    assert out.read_bytes() == expected.read_bytes()
    assert len(shards_of(options)) == 3


def test_what_is_there_is_not_computed_again(
    options: PredictOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(options)
    whole = Path(options.out).read_bytes()
    shards = shards_of(options)
    shutil.rmtree(shards.storage.local / shards.part_kind / "00001")
    Path(options.out).unlink()
    computed = []
    compute = predictions.Predictor.probabilities

    def watch(predictor, table, *progress):
        computed.append(len(table))
        return compute(predictor, table, *progress)

    monkeypatch.setattr(predictions.Predictor, "probabilities", watch)
    run(options)
    assert computed == [1, ROWS], "the first row on trial, and the shard that is missing"
    assert Path(options.out).read_bytes() == whole
    computed.clear()
    run(options)
    assert computed == []


def test_a_dry_run_computes_and_writes_nothing(options: PredictOptions) -> None:
    said = run(dataclasses.replace(options, dry_run=True))
    assert f"3 shards of {ROWS} sequences (0 done before)" in said
    assert "Nothing was started" in said
    assert not Path(options.out).exists()
    assert not (Path(options.storage) / "predictions").exists()


def test_what_cannot_be_predicted_is_refused_first(
    options: PredictOptions, tmp_path: Path
) -> None:
    long = tmp_path / "long.csv"
    pd.DataFrame({"id": ["long"], "sequence": ["ACG" * 40]}).to_csv(long, index=False)
    with pytest.raises(
        InputError, match="'long' of 120 bases has 42 tokens, but the model has 24 pos"
    ):
        run(dataclasses.replace(options, data=(str(long),)))
    with pytest.raises(InputError, match=r"cannot write \.txt"):
        run(dataclasses.replace(options, out=str(tmp_path / "out.txt")))
    assert not (Path(options.storage) / "predictions").exists()


def test_rows_left_out_are_told_and_listed_for_the_last_predictions_only(
    options: PredictOptions, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text((tmp_path / "toy.csv").read_text() + "bad,ACXT\n")
    skipping = dataclasses.replace(options, data=(str(bad),), skip_bad_rows=True)
    rejects = tmp_path / "out.rejects.tsv"
    assert "rows left out: 1, see " in run(dataclasses.replace(skipping, dry_run=True))
    assert not rejects.exists()
    assert f"rows left out: 1, see {rejects}" in run(skipping)
    assert pd.read_csv(rejects, sep="\t")["row"].tolist() == [NUM + 2]
    assert "left out" not in run(options)
    assert not rejects.exists(), "no row of these predictions was left out"
