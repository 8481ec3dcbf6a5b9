"""A comparison of explanations by its script: whole, the same again, recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient
from shap_toys import write_model, write_sequences

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, expect: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "jobs/compare_explanations.py", *arguments],
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "150"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=800,
        check=False,
    )
    assert done.returncode == expect, done.stdout
    assert "Traceback" not in done.stdout, done.stdout
    return done.stdout


def test_a_comparison_is_computed_once(tmp_path: Path) -> None:
    model, data, storage = write_model(tmp_path / "model"), tmp_path / "toy.csv", tmp_path / "runs"
    write_sequences(data, 16)
    (tmp_path / "elements.csv").write_text("id,element,start,end\np1,box,3,9\np3,box,3,9\n")
    command = [
        *("--model", str(model), "--data", str(data), "--storage", str(storage)),
        *("--elements", str(tmp_path / "elements.csv"), "--tss-index", "40"),
        *("--methods", "shap", "lime", "anchors", "attention_last"),
        *("--num-sequences", "12", "--sanity-sequences", "4", "--permutations", "99"),
    ]
    output = run(*command)
    assert output.count("Ray:") == 2, "one pool for all explanations, and one for the curves"
    assert "Findings" in output
    (folder,) = (storage / "comparisons").iterdir()
    assert {"explanations.html", "numbers.json", "agreement.parquet"} <= {
        p.name for p in folder.iterdir()
    }
    numbers = json.loads((folder / "numbers.json").read_text())
    (one,) = numbers["models"]
    flips = {r["method"]: r["mean"] for r in one["sanity"] if r["check"] == "other class"}
    assert flips["shap"] == flips["lime"] == 1
    assert flips["attention_last"] == 0
    client = MlflowClient(f"sqlite:///{storage}/mlflow.db")
    found = client.search_runs([e.experiment_id for e in client.search_experiments()])
    (recorded,) = [r for r in found if r.data.tags.get("stage") == "explanations"]
    assert recorded.info.status == "FINISHED"
    assert "recovery_auroc.shap" in recorded.data.metrics
    before = {
        path: path.stat().st_mtime for path in storage.glob("attributions/*/shards/*/*.parquet")
    }
    assert len(before) >= 2 * 3 * 4
    again = run(*command)
    assert "Ray:" not in again
    assert {path: path.stat().st_mtime for path in before} == before
    assert [p.name for p in (storage / "comparisons").iterdir()] == [folder.name]
