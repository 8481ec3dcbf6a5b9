"""A host is lost for ever, and another one with nothing but the bucket goes on with its sweep."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from dnasweep.storage import Storage
from mlflow import MlflowClient
from object_store import ObjectStore
from sweep_processes import SMALL, kill_all, start
from toy_data import write_toy_table

KINDS = ("encoders", "trials")


def outcomes(storage: Storage, kind: str) -> dict[str, list]:
    """What every training of a kind came to, but for its time and memory."""
    found = {}
    for key in storage.published(kind):
        path = storage.file(kind, key, "outcome.json")
        assert path is not None
        outcome = json.loads(path.read_text())
        metrics = [evaluation["metrics"] for evaluation in outcome["history"]]
        found[key] = [metrics, outcome["best"]["metrics"], outcome["steps"]]
    return found


def points(database: Path) -> dict[str, list]:
    """The validation curve of every trial's MLflow run."""
    client = MlflowClient(f"sqlite:///{database}")
    experiment = client.get_experiment_by_name("tokenizer-grid")
    runs = client.search_runs([experiment.experiment_id], "tags.stage = 'trial'")
    return {
        run.data.tags["trial_key"]: [
            (point.step, point.value)
            for point in client.get_metric_history(run.info.run_id, "validation/mcc")
        ]
        for run in runs
    }


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_sweep_goes_on_from_the_bucket_on_another_host(
    object_store: ObjectStore, tmp_path: Path, workers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "observer"))
    table = write_toy_table(tmp_path / "toy.csv")
    flags = [*SMALL, "--workers-per-trial", workers]

    def begin(root: Path | str, host: str):
        database = tmp_path / ("whole.db" if host == "whole" else "killed.db")
        (tmp_path / host).mkdir(exist_ok=True)
        return start(
            root,
            table,
            flags=[*flags, "--tracking-uri", f"sqlite:///{database}"],
            environment={"HOME": str(tmp_path / host)},
        )

    def finish(root: Path | str, host: str) -> str:
        process = begin(root, host)
        output, _ = process.communicate(timeout=900)
        assert process.returncode == 0, output
        return output

    finish(tmp_path / "whole" / "runs", "whole")
    root = object_store.new_root()
    storage = Storage(root)
    assert storage.bucket is not None
    published: dict[str, str | None] = {}
    for kind, host in zip(KINDS, ("a", "b"), strict=True):
        process = begin(root, host)
        deadline = time.monotonic() + 600
        # In the middle: a state has been saved, the artefact is not there yet.
        while not any("step-" in name for name in storage.bucket.files(f"work/{kind}")):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        kill_all(process)
        for name in storage.bucket.files():
            if name.endswith("/manifest.json"):
                published.setdefault(name, storage.bucket.version(name))
    assert any(name.startswith("encoders/") for name in published)
    output = finish(root, "c")
    assert "testing-secret" not in output
    again = [name for name, seen in published.items() if storage.bucket.version(name) != seen]
    assert not again, "a finished stage was built again"
    for kind in KINDS:
        assert outcomes(storage, kind) == outcomes(Storage(tmp_path / "whole" / "runs"), kind)
    assert points(tmp_path / "killed.db") == points(tmp_path / "whole.db")
    left = [name for name in storage.bucket.files("work") if "step-" in name]
    assert not left, "states are removed once their stage is published"
    assert any(name.endswith("comparison.html") for name in storage.bucket.files("sweeps"))
