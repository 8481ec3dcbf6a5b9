"""Splice sites from a table to a page, a registered model, predictions and its refusals."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import dnasweep
import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
from base_toys import splice_rows, write_splice_sites
from dnasweep.data.reading import read_rows
from dnasweep.sweeps.axes import FewShotOptions, SweepOptions
from dnasweep.sweeps.in_process import InProcessExecutor
from dnasweep.sweeps.request import prepare_sweep
from dnasweep.tasks.registry import task_of
from dnasweep.workflows.sweep import run_sweep
from rich.console import Console

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = {
    "split": "random",
    "preset": "1x32x2",
    "tokenizers": ("char", "kmer-3"),
    "species_sets": ("none",),
    "seeds": (0, 1),
    "learning_rates": (1e-2,),
    "finetune_epochs": 12,
    "class_weights": "balanced",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bases")


@pytest.fixture(scope="module")
def data(folder: Path) -> Path:
    return write_splice_sites(folder / "splice.csv")


def asked(data: Path, kind: type[SweepOptions] = SweepOptions, **options) -> SweepOptions:
    known = {field.name for field in dataclasses.fields(kind)}
    given = {k: v for k, v in {**OPTIONS, **options}.items() if k in known}
    return kind(data=(str(data),), storage=str(data.parent / "runs"), **given)


def test_the_bases_around_find_splice_sites(data: Path) -> None:
    reading = read_rows(data)
    task, targets = task_of(reading.labels), reading.labels.targets(reading.table)
    rows = reading.table["sequence"].tolist()
    found = task.baseline(
        rows[:150], targets[:150], rows[200:], held=(rows[150:200], targets[150:200])
    )
    metrics = task.measure(targets[200:], found, ())
    assert metrics["validation/auprc"] > 0.7
    assert metrics["validation/mcc"] > 0.3
    # As many bases are expected to be sites as there are, although rare classes were drawn first.
    by_base = found.reshape(len(found), -1, 3)
    assert by_base.sum(axis=(0, 1))[1:] == pytest.approx(
        np.bincount(targets[200:].ravel())[1:], rel=0.3
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"windows": "log-odds", "max_tokens": 64}, "--windows is log-odds"),
        ({"augment_reverse_complement": True}, "of the strand that is given"),
        ({"average_reverse_complement": True}, "of the strand that is given"),
        ({"generate_negatives": "shuffle"}, "the labels are not of two classes"),
        ({"metric": "auroc"}, "there is no metric 'auroc' for these labels"),
        ({"positive_label": "donor"}, "every base has a label"),
        ({"task": "regression"}, "labels"),
    ],
)
def test_what_is_not_for_bases_is_refused(data: Path, options: dict, reason: str) -> None:
    with pytest.raises(dnasweep.InputError, match=reason) as raised:
        prepare_sweep("x", {"tokenizer": ("char",)}, asked(data, **options), Console(quiet=True))
    assert raised.value.remedy


def test_shots_are_of_whole_rows(data: Path) -> None:
    options = asked(data, FewShotOptions)
    with pytest.raises(dnasweep.InputError, match="labels are of places in a sequence"):
        prepare_sweep("x", {"shots": (5,)}, options, Console(quiet=True))


@pytest.mark.slow
def test_a_sweep_of_bases_ends_in_a_model_that_predicts_them(data: Path, folder: Path) -> None:
    options = asked(data, tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    console = Console(record=True, width=160, file=open(os.devnull, "w"))  # noqa: SIM115
    run_sweep("bases", options.axes, options, console, executor=InProcessExecutor)
    said = console.export_text()
    assert "a class for each base: none (97.8 %), acceptor (1.1 %), donor (1.1 %)" in said
    assert "ranked by validation AUPRC" in said
    report = next((folder / "runs" / "sweeps").glob("*/report"))
    tests = pd.read_csv(report / "comparison_pairwise.csv")
    assert tests[["auprc_p", "mcc_p", "ensemble_auprc_p"]].notna().all(axis=None)
    assert "logistic regression on the bases around" in set(tests["b"])
    selected = pd.read_csv(report / "comparison_selected.csv")
    # By chance, one of ninety bases.
    assert selected["test_auprc"].max() > 0.1
    outputs = pd.read_csv(report / "comparison_by_output.csv")
    assert outputs["output"].tolist() == ["acceptor", "donor"]
    page = (report / "comparison.html").read_text()
    assert "The winner on the test rows, by class of bases" in page
    assert "dnasweep predict" in page
    assert "--target acceptor" in page

    rows = splice_rows(30, seed=9)
    name, uri = "models:/bases@best", options.tracking_uri
    model = dnasweep.load_model(name, tracking_uri=uri)
    assert model.classes == ["none", "acceptor", "donor"]
    expected = model.predict(rows["sequence"].tolist(), progress=False)
    mlflow.set_tracking_uri(uri)
    served = mlflow.pyfunc.load_model(name).predict(rows[["sequence"]])
    pd.testing.assert_frame_equal(served, expected.drop(columns="id"))

    rows[["sequence"]].to_csv(folder / "new.csv", index=False)
    for ending in ("parquet", "csv"):
        out = folder / f"found.{ending}"
        subprocess.run(
            [
                *(sys.executable, ROOT / "jobs/predict.py", "--model", name),
                *("--tracking-uri", uri, "--storage", folder / "runs"),
                *("--data", folder / "new.csv", "--out", out),
            ],
            check=True,
            capture_output=True,
        )
        found = pd.read_parquet(out) if ending == "parquet" else pd.read_csv(out)
        assert found["bases_donor"].tolist() == expected["bases_donor"].tolist()
        cells = found["probability_donor"]
        values = cells if ending == "parquet" else cells.map(json.loads)
        for one, other in zip(values, expected["probability_donor"], strict=True):
            np.testing.assert_allclose(one, other, atol=2e-5)
    explained = dnasweep.explain(
        model, rows["sequence"].tolist()[:2], target="donor", max_evals=60, progress=False
    )
    assert explained.settings["target"] == "donor"
    for one in explained:
        assert one.values.sum() == pytest.approx(one.prediction - one.base_value, abs=1e-6)
