"""Sweeps from Python: run, found again, and the model that they choose."""

from __future__ import annotations

import json
from pathlib import Path

import dnasweep
import pandas as pd
import pytest
from dnasweep.api.sweeps import Sweep
from dnasweep.storage import Storage
from dnasweep.sweeps.summary import SUMMARY
from toy_data import write_toy_table

TINY = {
    "split": "random",
    "preset": "1x16x1",
    "pretrain_epochs": 1,
    "finetune_epochs": 2,
    "evaluations": 2,
    "tracking_uri": "none",
    "progress": False,
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    path = tmp_path_factory.mktemp("api") / "toy.csv"
    write_toy_table(path, rows=160)
    return pd.read_csv(path)


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory, table: pd.DataFrame) -> Path:
    storage = tmp_path_factory.mktemp("api") / "runs"
    axes = {
        "tokenizer": "kmer-3",
        "species_set": ["none"],
        "learning_rate": [1e-2, 3e-3],
        "seed": [0],
    }
    found = dnasweep.sweep(table, axes, name="two-rates", storage=storage, **TINY)
    assert len(found.table) == 2
    return storage


def test_a_sweep_is_opened_again(storage: Path) -> None:
    found = dnasweep.open_sweep(storage)
    assert found.name == "two-rates"
    assert "'two-rates'" in repr(found)
    assert set(found.table["learning_rate"]) == {1e-2, 3e-3}
    assert len(found.selected) == 1
    assert len(found.tests) == 1
    assert "test_mcc" in found.baseline
    assert found.report.is_file()
    assert found.findings
    assert found.summary["axes"]["learning_rate"] == ["0.01", "0.003"]
    assert "<table" in found._repr_html_()
    assert dnasweep.open_sweep(storage, name=found.key[:8]).key == found.key
    with pytest.raises(
        dnasweep.InputError, match=r"no finished sweep called 'other'\. There are: two"
    ):
        dnasweep.open_sweep(storage, name="other")


def test_a_notebook_shows_small_learning_rates(tmp_path: Path) -> None:
    content = {
        "name": "toy",
        "key": "0" * 16,
        "metric": "mcc",
        "stem": "comparison",
        "findings": [],
    }
    (tmp_path / SUMMARY).write_text(json.dumps(content))
    (tmp_path / "comparison.csv").write_text("tokenizer,learning_rate\nkmer-3,0.0003\n")
    shown = Sweep(Storage(tmp_path / "runs"), tmp_path)._repr_html_()
    assert "<td>0.0003</td>" in shown


def test_the_best_model_is_the_one_of_the_first_row(storage: Path) -> None:
    found = dnasweep.open_sweep(storage)
    best = found.best()
    assert best.classes == ["negative", "positive"]
    assert len(best.predict(["ACGT" * 15], progress=False)) == 1
    assert str(found.summary["best"]) in str(best.directory)
    # Nothing was recorded in MLflow, so the page names the folder.
    page = found.report.read_text()
    assert str(best.directory) in page
    assert "models:/" not in page


def test_the_same_call_computes_nothing(storage: Path, table: pd.DataFrame) -> None:
    made = {path: path.stat().st_mtime_ns for path in (storage / "trials").glob("*/checkpoint/*")}
    axes = {
        "tokenizer": "kmer-3",
        "species_set": ["none"],
        "learning_rate": [1e-2, 3e-3],
        "seed": [0],
    }
    again = dnasweep.sweep(table, axes, name="two-rates", storage=storage, **TINY)
    assert made == {p: p.stat().st_mtime_ns for p in (storage / "trials").glob("*/checkpoint/*")}
    assert len(again.table) == 2
    # One model of these: it is there already.
    how = {**TINY, "name": "two-rates"}
    model = dnasweep.train(
        table, tokenizer="kmer-3", pretrain="none", learning_rate=1e-2, storage=storage, **how
    )
    assert made == {p: p.stat().st_mtime_ns for p in (storage / "trials").glob("*/checkpoint/*")}
    assert model.is_classifier


@pytest.mark.parametrize(
    ("axes", "options", "message"),
    [
        ({"tokenizers": ["kmer"]}, {}, "no axis 'tokenizers'"),
        ({"tokenizer": ["kmer-99"]}, {}, "k is 99"),
        ({"seed": [0, -1]}, {}, "seeds is -1"),
        ({"learning_rate": 1e9}, {}, "learning_rates is"),
        ({}, {"finetune_epoch": 3}, "Did you mean 'finetune_epochs'"),
        ({}, {"metric": "mccc"}, "no metric 'mccc'"),
        ({}, {"search": "optuna"}, "runs? one after the other|run the sweep on Ray"),
    ],
)
def test_wrong_requests_are_refused(
    storage: Path, table: pd.DataFrame, axes: dict, options: dict, message: str
) -> None:
    with pytest.raises(dnasweep.InputError, match=message):
        dnasweep.sweep(table, axes, storage=storage, **(TINY | options))


def test_an_empty_storage_has_no_sweep(tmp_path: Path) -> None:
    with pytest.raises(dnasweep.InputError, match=r"no finished sweep\. Run one first"):
        dnasweep.open_sweep(tmp_path)
