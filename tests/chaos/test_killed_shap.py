"""An attribution job that is killed: the same bytes as undisturbed, and nothing twice."""

from __future__ import annotations

import signal
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient
from shap_processes import (
    SIZE,
    finish_job,
    kill_job,
    published,
    start_job,
    tables,
    wait_for_shards,
)
from shap_toys import write_model, write_sequences

NUM = 96
ENOUGH = 3

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    write_sequences(folder / "toy.csv", NUM)
    return write_model(folder / "model"), folder / "toy.csv"


@pytest.fixture(scope="module")
def undisturbed(
    inputs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    storage = tmp_path_factory.mktemp("whole")
    finish_job(start_job(storage, inputs))
    found = tables(storage)
    assert len(found) == 2 * NUM // SIZE
    return found


@pytest.mark.slow
def test_killed_and_run_again_gives_the_same_bytes_and_computes_no_shard_twice(
    inputs: tuple[Path, Path], undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    process = start_job(tmp_path, inputs)
    wait_for_shards(process, tmp_path, ENOUGH)
    kill_job(process)
    before = published(tmp_path)
    done = len(before) // 3
    assert ENOUGH <= done < NUM // SIZE, "killed in the middle"
    assert len(before) == 3 * done, "every shard that is there is whole"
    output = finish_job(start_job(tmp_path, inputs))
    assert f"{NUM // SIZE - done} of {NUM // SIZE} shards" in output
    assert f"explaining {NUM - SIZE * done} sequences" in output
    after = published(tmp_path)
    assert {name: after[name] for name in before} == before, "a finished shard was made again"
    assert tables(tmp_path) == undisturbed
    assert list((tmp_path / "work" / "building").iterdir()) == []
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (experiment,) = [e for e in client.search_experiments() if e.name == "attributions"]
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"


@pytest.mark.slow
def test_a_killed_actor_costs_only_the_shard_it_was_at(
    inputs: tuple[Path, Path], undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    process = start_job(tmp_path, inputs)
    wait_for_shards(process, tmp_path, ENOUGH)
    actors = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if "MapWorker" in " ".join(child.cmdline())
    ]
    assert actors
    actors[0].send_signal(signal.SIGKILL)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    assert tables(tmp_path) == undisturbed


@pytest.mark.slow
def test_ctrl_c_says_how_far_it_came_and_how_to_go_on(
    inputs: tuple[Path, Path], tmp_path: Path
) -> None:
    process = start_job(tmp_path, inputs)
    wait_for_shards(process, tmp_path, ENOUGH)
    process.send_signal(signal.SIGINT)
    output = finish_job(process, code=130)
    done = len(published(tmp_path)) // 3
    assert f"Stopped after {SIZE * done} of {NUM} sequences" in output
    assert "run the same command again" in output
    assert list((tmp_path / "work" / "building").iterdir()) == []
