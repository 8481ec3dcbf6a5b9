"""A sweep killed (-9) in the middle and run again ends as if nothing had happened."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient
from sweep_processes import kill_all, start
from toy_data import write_toy_table


def outcomes(storage: Path, kind: str) -> dict[str, list]:
    found = {}
    for path in (storage / kind).glob("*/outcome.json"):
        outcome = json.loads(path.read_text())
        found[path.parent.name] = [
            [e["metrics"] for e in outcome["history"]],
            outcome["best"]["metrics"],
            outcome["steps"],
        ]
    return found


def recorded(storage: Path) -> list[tuple[str, str]]:
    """The key and the status of every MLflow run."""
    client = MlflowClient(f"sqlite:///{storage}/mlflow.db")
    experiment = client.get_experiment_by_name("tokenizer-grid")
    runs = client.search_runs([experiment.experiment_id])
    return sorted((r.data.tags["trial_key"], r.info.status) for r in runs)


def finish(storage: Path, table: Path) -> str:
    process = start(storage, table)
    output, _ = process.communicate(timeout=280)
    assert process.returncode == 0, output
    return output


@pytest.mark.timeout(900)
@pytest.mark.slow
def test_killed_twice_and_rerun_equals_uninterrupted(tmp_path: Path) -> None:
    table = write_toy_table(tmp_path / "toy.csv")
    finish(tmp_path / "whole", table)
    storage = tmp_path / "killed"
    for kind in ("encoders", "trials"):
        process = start(storage, table)
        state = storage / "work" / kind
        deadline = time.monotonic() + 120
        # In the middle: a state has been saved, the artefact is not there yet.
        while not list(state.glob("*/step-*")):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.02)
        kill_all(process)
    there = {p: p.stat().st_mtime for p in storage.glob("*/*/manifest.json")}
    assert there, "the encoder was finished before the second kill"
    finish(storage, table)
    assert {p: p.stat().st_mtime for p in there} == there, "a finished stage was built again"
    for kind in ("encoders", "trials"):
        assert outcomes(storage, kind) == outcomes(tmp_path / "whole", kind)
    # One run a stage, ended as it ended without the kills; none is left running.
    assert recorded(storage) == recorded(tmp_path / "whole")
    assert len(recorded(storage)) == 1 + 1 + 4, "the sweep, its encoder, its trials"


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
@pytest.mark.timeout(300)
def test_ctrl_c_ends_cleanly_and_says_how_to_go_on(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path / "runs", write_toy_table(tmp_path / "toy.csv"))
    deadline = time.monotonic() + 120
    while not list((tmp_path / "runs" / "work").glob("*/*/step-*")):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "run the same command again" in output
    assert "Traceback" not in output, output
