"""A few-shot sweep by its script: on given folders, again, and refused."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient
from script_toys import published, run
from toy_data import write_toy_table

SMALL = (
    "--split random --tokenizers kmer-3 --species-sets none all --preset 1x32x2 --shots 5 20 "
    "--resamples 2 --seeds 0 --pretrain-epochs 1 --finetune-epochs 4"
).split()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    table = write_toy_table(tmp_path_factory.mktemp("data") / "toy.csv", rows=240)
    return ["--data", str(table), *SMALL]


@pytest.fixture(scope="module")
def storage(small: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    storage = tmp_path_factory.mktemp("few") / "runs"
    output = run("sweeps/fewshot_grid.py", storage, *small)
    assert "MLM random against no pretraining" in " ".join(output.split())
    return storage


def test_every_trial_is_tested_once_and_recorded_with_its_rows(storage: Path) -> None:
    assert len(published(storage, "trials")) == 8
    # Eight trials, and the baseline on four draws.
    assert len(published(storage, "tests")) == 12
    client = MlflowClient(f"sqlite:///{storage}/mlflow.db")
    experiment = client.get_experiment_by_name("fewshot-grid")
    trials = [
        r
        for r in client.search_runs([experiment.experiment_id])
        if r.data.tags["stage"] == "trial"
    ]
    assert len(trials) == 8
    for trial in trials:
        assert trial.info.status == "FINISHED"
        assert "selected" not in trial.data.tags
        assert not any(name.startswith("validation/") for name in trial.data.metrics)
        assert "test/mcc" in trial.data.metrics
        path = client.download_artifacts(trial.info.run_id, "training_rows.csv")
        assert len(pd.read_csv(path)) == 2 * int(trial.data.params["shots"])
    assert client.search_registered_models() == []


def test_the_report_is_there_and_its_command_trains_nothing_again(
    storage: Path, small: list[str]
) -> None:
    report = next(storage.glob("sweeps/*/report"))
    assert "By number of shots" in (report / "comparison.html").read_text()
    assert len(pd.read_csv(report / "comparison_runs.csv")) == 8
    before = {kind: published(storage, kind) for kind in ("encoders", "trials", "tests")}
    output = run("sweeps/fewshot_grid.py", storage, *small)
    assert "Ray:" not in output
    assert {kind: published(storage, kind) for kind in before} == before


def test_shots_beyond_a_class_end_the_run_before_training(
    tmp_path: Path, small: list[str]
) -> None:
    output = run("sweeps/fewshot_grid.py", tmp_path / "runs", *small, "--shots", "500", expect=2)
    assert "500 shots of each class are requested, but class 0 has" in output
    assert published(tmp_path / "runs", "trials") == {}
