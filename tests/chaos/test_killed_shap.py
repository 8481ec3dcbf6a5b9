"""An attribution job that is killed: the same bytes as undisturbed, and nothing twice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from dnasweep.cluster.tracking import check_reachable, resolve_uri
from mlflow import MlflowClient
from shap_toys import write_model, write_sequences

ROOT = Path(__file__).resolve().parents[2]
NUM, SIZE = 96, 4
"""Many small shards, each of a second or so, so that a kill finds some done and some not."""
ENOUGH = 3

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    write_sequences(folder / "toy.csv", NUM)
    return write_model(folder / "model"), folder / "toy.csv"


def hear_ctrl_c() -> None:
    """Undo what a shell does to whatever it starts in the background, tests included."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(storage: Path, inputs: tuple[Path, Path]) -> subprocess.Popen[str]:
    model, data = inputs
    # A database is made once and not by a process that is to be killed.
    check_reachable(resolve_uri(None, str(storage)))
    return subprocess.Popen(
        [
            *(sys.executable, "jobs/shap_batch.py", "--model", str(model), "--data", str(data)),
            *("--storage", str(storage), "--shard-size", str(SIZE), "--max-evals", "3000"),
            "--no-report",
        ],
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "150"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )


def finish(process: subprocess.Popen[str], *, code: int = 0) -> str:
    output, _ = process.communicate(timeout=600)
    assert process.returncode == code, output
    assert "Traceback" not in output, output
    return output


def published(storage: Path) -> dict[str, tuple[int, float]]:
    """Every file of every shard that is there, and when it was made."""
    found = storage.glob("attributions/*/shards/*/*")
    return {
        f"{p.parent.name}/{p.name}": (p.stat().st_ino, p.stat().st_mtime) for p in sorted(found)
    }


def tables(storage: Path) -> dict[str, bytes]:
    found = storage.glob("attributions/*/*/*/*.parquet")
    return {f"{p.parent.name}/{p.name}": p.read_bytes() for p in sorted(found)}


def wait_for_shards(process: subprocess.Popen[str], storage: Path, number: int) -> None:
    deadline = time.monotonic() + 400
    while len(published(storage)) < 3 * number:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kill_all(process: subprocess.Popen[str]) -> None:
    """Kill the driver and everything it started, at once and without a chance to clean up."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)


@pytest.fixture(scope="module")
def undisturbed(
    inputs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    storage = tmp_path_factory.mktemp("whole")
    finish(start(storage, inputs))
    found = tables(storage)
    assert len(found) == 2 * NUM // SIZE
    return found


def test_killed_and_run_again_gives_the_same_bytes_and_computes_no_shard_twice(
    inputs: tuple[Path, Path], undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    process = start(tmp_path, inputs)
    wait_for_shards(process, tmp_path, ENOUGH)
    kill_all(process)
    before = published(tmp_path)
    done = len(before) // 3
    assert ENOUGH <= done < NUM // SIZE, "killed in the middle"
    assert len(before) == 3 * done, "every shard that is there is whole"
    output = finish(start(tmp_path, inputs))
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


def test_a_killed_actor_costs_only_the_shard_it_was_at(
    inputs: tuple[Path, Path], undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    process = start(tmp_path, inputs)
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


def test_ctrl_c_says_how_far_it_came_and_how_to_go_on(
    inputs: tuple[Path, Path], tmp_path: Path
) -> None:
    process = start(tmp_path, inputs)
    wait_for_shards(process, tmp_path, ENOUGH)
    process.send_signal(signal.SIGINT)
    output = finish(process, code=130)
    done = len(published(tmp_path)) // 3
    assert f"Stopped with {SIZE * done} of {NUM} sequences done" in output
    assert "run the same command again" in output
    assert list((tmp_path / "work" / "building").iterdir()) == []
