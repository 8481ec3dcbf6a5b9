"""A real MLflow server that is killed and started again while a sweep records."""

from __future__ import annotations

import logging
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dnasweep.errors import InputError
from dnasweep.tracking.client import check_reachable, connect
from dnasweep.tracking.lookup import find_model_directory
from dnasweep.tracking.tracker import Tracker
from mlflow_server import Server
from mlflow_toys import history, runs_of

pytest_plugins = ("mlflow_toys",)


@pytest.fixture
def server(empty_store: Path, tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "mlflow.db").write_bytes(empty_store.read_bytes())
    made = Server(tmp_path)
    yield made
    made.kill()


def slowest(call: Callable[[int], None], steps: range) -> float:
    worst = 0.0
    for step in steps:
        begin = time.perf_counter()
        call(step)
        worst = max(worst, time.perf_counter() - begin)
        time.sleep(0.002)
    return worst


def count(server: Server, table: str) -> int:
    with sqlite3.connect(server.database) as store:
        return store.execute(f"select count(*) from {table}").fetchone()[0]


@pytest.mark.slow
def test_a_server_killed_midway_loses_nothing_and_records_nothing_twice(
    server: Server, spool: Path, toy_model: Path, tmp_path: Path
) -> None:
    server.start()
    check_reachable(server.uri)
    with Tracker(server.uri, "sweep", spool) as tracker:
        tracker.run("parent", name="sweep")

        def record(step: int) -> None:
            tracker.metrics("cell", {"validation/mcc": step / 1000, "bases": step}, step=step)

        tracker.run("cell", name="cell", parent="parent", params={"seed": 0})
        worst = slowest(record, range(100))
        assert tracker.flush(60) == 0
        server.kill()
        worst = max(worst, slowest(record, range(100, 300)))
        assert tracker.flush(1) == 200
        with pytest.raises(InputError, match="no MLflow server answers"):
            check_reachable(server.uri)
        server.start()
        worst = max(worst, slowest(record, range(300, 400)))
        tracker.model("cell", toy_model, registered_name="promoters", alias="best", example="ACGT")
        tracker.end("cell")
        tracker.end("parent")
        assert tracker.flush(120) == 0
    # Busy cores may hold up any call for some time slices; a request that nobody answers takes minutes.
    assert worst < 1
    cell = runs_of(server.uri)["cell"]
    assert history(server.uri, cell, "validation/mcc") == [(s, s / 1000) for s in range(400)]
    assert count(server, "metrics") == 800
    assert cell.info.status == "FINISHED"
    found = find_model_directory("promoters@best", uri=server.uri, destination=tmp_path / "got")
    assert (found / "model.safetensors").read_bytes() == (
        toy_model / "model.safetensors"
    ).read_bytes()


@pytest.mark.slow
def test_a_driver_and_a_server_both_killed_end_with_one_run_and_every_metric(
    server: Server, spool: Path
) -> None:
    script = f"""
import pathlib, time
from dnasweep.tracking.tracker import Tracker
tracker = Tracker({server.uri!r}, "sweep", pathlib.Path({str(spool)!r}))
tracker.run("cell", name="cell", params={{"seed": 0}})
for step in range(100000):
    tracker.metrics("cell", {{"mcc": step / 1000}}, step=step)
    print(step, flush=True)
    time.sleep(0.01)
"""
    server.start()
    seen = -1
    for attempt in range(3):
        driver = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
        )
        assert driver.stdout is not None
        target = 150 + 40 * attempt
        for line in driver.stdout:
            seen = max(seen, int(line))
            if int(line) == target // 2 and attempt == 1:
                server.kill()
            if int(line) >= target:
                break
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        driver.stdout.close()
        if attempt == 1:
            server.start()
    with Tracker(server.uri, "sweep", spool) as tracker:
        tracker.end("cell")
        assert tracker.flush(120) == 0
    cell = runs_of(server.uri)["cell"]
    recorded = history(server.uri, cell, "mcc")
    steps = [step for step, _ in recorded]
    assert steps == list(range(len(steps)))
    assert len(steps) > seen
    assert all(value == step / 1000 for step, value in recorded)
    assert count(server, "runs") == 1
    assert not list(spool.glob("*.jsonl"))


def test_a_server_that_never_comes_back_is_served_by_the_next_run(
    server: Server, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Tracker(server.uri, "sweep", spool) as tracker:
        tracker.run("cell", name="cell")
        tracker.metrics("cell", {"mcc": 0.5}, step=1)
    assert "2 records for MLflow wait in" in caplog.text
    server.start()
    with Tracker(server.uri, "sweep", spool) as tracker:
        tracker.run("cell", name="cell")
        tracker.metrics("cell", {"mcc": 0.5}, step=1)
    cell = runs_of(server.uri)["cell"]
    assert history(server.uri, cell, "mcc") == [(1, 0.5)]
    assert connect(server.uri).get_experiment_by_name("sweep") is not None


def test_the_password_of_a_server_stays_in_memory(
    server: Server, spool: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="dnasweep")
    server.start()
    uri = server.uri.replace("//", "//somebody:hunter2@")
    check_reachable(uri)
    with Tracker(uri, "sweep", spool) as tracker:
        tracker.run("cell", name="cell", params={"seed": 0})
        tracker.metrics("cell", {"validation/mcc": 0.5}, step=1)
        assert tracker.flush(60) == 0
        server.kill()
        tracker.metrics("cell", {"validation/mcc": 0.6}, step=2)
        assert tracker.flush(5) == 1
    assert list(spool.glob("*.jsonl"))
    assert "wait in" in caplog.text
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert server.database in files
    assert not [path for path in files if b"hunter2" in path.read_bytes()]
    assert "hunter2" not in caplog.text
    server.start()
    with Tracker(uri, "sweep", spool) as tracker:
        assert tracker.flush(60) == 0
    assert history(server.uri, runs_of(server.uri)["cell"], "validation/mcc") == [
        (1, 0.5),
        (2, 0.6),
    ]
