"""The view of trials that MLflow's page opens with."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

from dnasweep.tracking.client import connect
from dnasweep.tracking.saved_view import CHECKED_WITH, VIEW_TAG, trials_view, view_address
from dnasweep.tracking.tracker import Tracker


def test_the_installed_mlflow_is_the_one_it_was_checked_with() -> None:
    installed = importlib.metadata.version("mlflow")
    assert installed == CHECKED_WITH, (
        "open the address that a sweep prints, then change the version"
    )


def test_the_best_trials_come_first() -> None:
    by_mcc = json.loads(trials_view("k", parameters=["seed"], metrics=["best/mcc", "test/mcc"]))
    assert not by_mcc["orderByAsc"]
    assert by_mcc["selectedColumns"] == [
        "params.`seed`",
        "metrics.`best/mcc`",
        "metrics.`test/mcc`",
        "tags.`selected`",
    ]
    assert json.loads(trials_view("k", parameters=[], metrics=["best/loss"]))["orderByAsc"]


def test_the_view_is_stored_and_has_an_address(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    state = trials_view("abc", parameters=["seed"], metrics=["best/mcc"])
    with Tracker(uri, "a sweep", tmp_path / "log") as tracker:
        tracker.run("abc", name="a sweep")
        tracker.view("abc", state)
        tracker.end("abc")
    experiment = connect(uri).get_experiment_by_name("a sweep")
    assert experiment is not None
    assert experiment.tags[VIEW_TAG + "abc"] == state
    address = view_address(uri, "a sweep", "abc")
    assert address == (
        f"http://127.0.0.1:5000/#/experiments/{experiment.experiment_id}/runs"
        "?workflowType=machine_learning&viewStateShareKey=abc"
    )
    assert view_address(uri, "a sweep", "other") == ""
    assert view_address(uri, "no such sweep", "abc") == ""


def test_a_store_that_does_not_answer_has_no_address(tmp_path: Path) -> None:
    assert view_address(f"sqlite:///{tmp_path}/none/mlflow.db", "a", "b") == ""


def test_the_filter_finds_the_trials_of_this_sweep_alone(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    with Tracker(uri, "sweeps", tmp_path / "log") as tracker:
        for sweep in ("one", "two"):
            tracker.run(f"trial of {sweep}", name=sweep, tags={"stage": "trial", "sweep": sweep})
        tracker.run("scan", name="scan", tags={"stage": "scan", "sweep": "one"})
    client = connect(uri)
    experiment = client.get_experiment_by_name("sweeps")
    assert experiment is not None
    state = json.loads(trials_view("one", parameters=[], metrics=["best/mcc"]))
    found = client.search_runs([experiment.experiment_id], state["searchFilter"])
    assert [run.info.run_name for run in found] == ["one"]
