"""The tracker over a real SQLite store: nothing lost, nothing twice, nothing waited for."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dnasweep.errors import InputError
from dnasweep.tracking.client import check_reachable, connect, default_store, resolve_uri
from dnasweep.tracking.tracker import Tracker
from dnasweep.tracking.write_ahead_log import WriteAheadLog, leftovers
from mlflow import MlflowClient
from mlflow_toys import history, record_a_sweep, runs_of

pytest_plugins = ("mlflow_toys",)

DEAD = "http://127.0.0.1:9"


def test_the_default_store_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve_uri(None, "runs") == f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert resolve_uri(None, "s3://bucket/x") == f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert resolve_uri("sqlite:///a/m.db", "runs") == f"sqlite:///{tmp_path}/a/m.db"
    assert resolve_uri("sqlite:////abs/m.db", "runs") == "sqlite:////abs/m.db"
    assert resolve_uri("http://host:5000/", "runs") == "http://host:5000"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:1")
    assert resolve_uri(None, "runs") == "http://host:1"
    assert resolve_uri("http://host:2", "runs") == "http://host:2"


@pytest.mark.parametrize(
    "uri",
    [
        "mlruns",
        "/data/mlruns",
        "file:///data/mlruns",
        "ftp://host/x",
        "sqlite://",
        "http://",
        "http://[",
        "http://host:port",
        "http://host:99999",
        "https://:80",
        "~nobody-of-this-name",
        "sqlite:///~nobody-of-this-name/mlflow.db",
    ],
)
def test_stores_mlflow_does_not_take_are_refused_with_a_remedy(uri: str) -> None:
    with pytest.raises(InputError, match="sqlite:///"):
        resolve_uri(uri, "runs")


def test_a_server_that_is_down_is_said_at_once() -> None:
    begin = time.monotonic()
    with pytest.raises(InputError, match=r"no MLflow server answers .*mlflow server"):
        check_reachable(DEAD)
    assert time.monotonic() - begin < 8


def test_a_database_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is no database, but a text of some length\n" * 50)
    with pytest.raises(InputError, match="cannot be opened"):
        check_reachable(f"sqlite:///{tmp_path / 'mlflow.db'}")


def test_no_password_is_shown() -> None:
    with pytest.raises(InputError) as caught:
        check_reachable("http://me:secret@127.0.0.1:9")
    assert "secret" not in str(caught.value)


def test_the_default_store_is_put_back(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:1")
    with default_store(uri):
        assert os.environ["MLFLOW_TRACKING_URI"] == uri
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://host:1"


def test_a_sweep_arrives_whole(uri: str, spool: Path, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with Tracker(uri, "sweep", spool) as tracker:
        record_a_sweep(tracker)
        tracker.tags("cell", {"outcome": "finished"})
        tracker.artifact("parent", tmp_path / "table.csv", "report")
        tracker.end("parent")
        assert tracker.flush(30) == 0
    runs = runs_of(uri)
    parent, cell = runs["parent"], runs["cell"]
    assert cell.info.run_name == "a cell"
    assert cell.info.status == "FINISHED"
    assert cell.data.params == {"learning_rate": "0.0003", "seed": "1"}
    assert cell.data.tags["mlflow.parentRunId"] == parent.info.run_id
    kind = connect(uri).get_experiment(cell.info.experiment_id).tags["mlflow.experimentKind"]
    assert kind == "custom_model_development", "opens with runs, not with traces"
    assert cell.data.tags["outcome"] == "finished"
    assert parent.data.tags["torch"].startswith("2.")
    dataset = cell.inputs.dataset_inputs[0].dataset
    assert (dataset.name, dataset.digest) == ("promoters", "0123abcd")
    assert history(uri, cell, "validation/mcc") == [(0, 0.0), (1, 0.1), (2, 0.2), (3, 0.3)]
    found = connect(uri).list_artifacts(parent.info.run_id, "report")
    assert [entry.path for entry in found] == ["report/table.csv"]
    assert not list(spool.glob("*.jsonl"))
    assert not (Path.cwd() / "mlruns").exists()


def test_the_same_sweep_again_changes_nothing(uri: str, spool: Path) -> None:
    ends = []
    for _ in range(2):
        with Tracker(uri, "sweep", spool) as tracker:
            record_a_sweep(tracker)
        ends.append({key: run.info.end_time for key, run in runs_of(uri).items()})
        time.sleep(0.01)
    assert ends[0] == ends[1], "a run that was only looked at keeps the time it ended"
    cell = runs_of(uri)["cell"]
    assert history(uri, cell, "validation/mcc") == [(0, 0.0), (1, 0.1), (2, 0.2), (3, 0.3)]
    assert cell.info.status == "FINISHED"
    assert len(cell.inputs.dataset_inputs) == 1


def test_a_reopened_run_gets_what_failed_at_first(
    uri: str, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Tracker(uri, "sweep", spool) as tracker:
        record_a_sweep(tracker)
    send, refused = MlflowClient.log_batch, []

    def log_batch(self: MlflowClient, run_id: str, **what: Any) -> object:
        if what.get("metrics") and not refused:
            refused.append(run_id)
            raise ConnectionError("the server is away")
        return send(self, run_id, **what)

    monkeypatch.setattr(MlflowClient, "log_batch", log_batch)
    with Tracker(uri, "sweep", spool) as tracker:
        tracker.run("cell", name="a cell")
        tracker.metrics("cell", {"validation/mcc": 0.4}, step=4)
        assert tracker.flush() == 0
    assert refused
    assert history(uri, runs_of(uri)["cell"], "validation/mcc")[-1] == (4, 0.4)


def test_a_reopened_run_is_running_and_keeps_its_parameters(uri: str, spool: Path) -> None:
    with Tracker(uri, "sweep", spool) as tracker:
        record_a_sweep(tracker)
    with Tracker(uri, "sweep", spool) as tracker:
        tracker.run("cell", name="a cell", params={"learning_rate": 1e-3, "fresh": 7})
        tracker.metrics("cell", {"validation/mcc": 0.9}, step=3)
    cell = runs_of(uri)["cell"]
    assert cell.info.status == "RUNNING"
    assert cell.data.params == {"learning_rate": "0.0003", "seed": "1", "fresh": "7"}
    assert cell.data.tags["changed/learning_rate"] == "0.001"
    assert cell.data.metrics["validation/mcc"] == 0.9


def test_what_is_not_finite_becomes_a_tag(uri: str, spool: Path) -> None:
    with Tracker(uri, "sweep", spool) as tracker:
        tracker.run("cell", name="a cell")
        tracker.metrics("cell", {"loss": float("nan"), "mcc": np.float32(0.5)}, step=7)
    cell = runs_of(uri)["cell"]
    assert cell.data.metrics == {"mcc": 0.5}
    assert cell.data.tags["nonfinite/loss"] == "nan at step 7"


def test_what_is_written_just_before_the_end_is_uploaded(
    uri: str, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, ends = WriteAheadLog.read, []

    def read_and_be_overtaken(file: WriteAheadLog, *args: int) -> list:
        found = read(file, *args)
        if not found and not ends:
            tracker.run("cell", name="a cell")
            ends.append(threading.Thread(target=tracker.close))
            ends[0].start()
            while not tracker._uploader._stopping:
                time.sleep(0.01)
        return found

    opened = threading.Event()
    monkeypatch.setattr(
        WriteAheadLog, "read", lambda *args: opened.wait() and read_and_be_overtaken(*args)
    )
    tracker = Tracker(uri, "sweep", spool)
    opened.set()
    tracker._uploader._thread.join(60)
    assert tracker.pending == 0
    assert "cell" in runs_of(uri)


def test_long_odd_and_many_values_pass_the_limits_of_mlflow(uri: str, spool: Path) -> None:
    with Tracker(uri, "sweep", spool) as tracker:
        tracker.run(
            "cell",
            name="a cell",
            params={f"p{i}": "x" * 7000 for i in range(120)},
            tags={"long": "y" * 9000, "odd+name": 1},
        )
        tracker.metrics("cell", {f"m{i}": float(i) for i in range(1500)}, step=0)
        assert tracker.flush(60) == 0
    cell = runs_of(uri)["cell"]
    assert len(cell.data.params) == 120
    assert len(cell.data.params["p0"]) == 6000
    assert len(cell.data.metrics) == 1500
    assert cell.data.tags["odd_name"] == "1"


def test_a_refused_record_does_not_hold_back_the_others(
    uri: str, spool: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), Tracker(uri, "sweep", spool) as tracker:
        tracker.run("cell", name="a cell")
        tracker.artifact("cell", tmp_path / "never-made.csv")
        tracker.metrics("cell", {"mcc": 0.5}, step=0)
        assert tracker.flush(30) == 0
    assert runs_of(uri)["cell"].data.metrics == {"mcc": 0.5}
    assert "never-made.csv is gone" in caplog.text
    rejected = next(spool.glob("*.rejected")).read_text()
    assert json.loads(rejected)["record"]["kind"] == "artifact"


def test_calls_return_at_once_while_the_server_is_away(
    spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    slowest = 0.0
    tracker = Tracker(DEAD, "sweep", spool)
    with caplog.at_level(logging.WARNING):
        tracker.run("cell", name="a cell")
        for step in range(500):
            begin = time.perf_counter()
            tracker.metrics("cell", {"mcc": 0.1}, step=step)
            slowest = max(slowest, time.perf_counter() - begin)
        assert tracker.flush(0.2) == 501
        begin = time.monotonic()
        assert tracker.close() == 501
    assert time.monotonic() - begin < 15
    # Two busy cores may hold up any call for a time slice; a request would take far longer.
    assert slowest < 0.25
    assert f"501 records for MLflow wait in {spool}" in caplog.text


def test_what_a_killed_process_left_is_uploaded_by_the_next(uri: str, spool: Path) -> None:
    script = f"""
import os, pathlib
from dnasweep.tracking import uploader
uploader.Uploader._upload_all = lambda self: None
from dnasweep.tracking.tracker import Tracker
tracker = Tracker({uri!r}, "sweep", pathlib.Path({str(spool)!r}))
tracker.run("cell", name="a cell")
for step in range(5):
    tracker.metrics("cell", {{"mcc": step / 10}}, step=step)
os.write(tracker._own._descriptor, b'{{"kind": "metrics", "key": "ce')
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, timeout=120)
    assert done.returncode == -9
    with Tracker(uri, "sweep", spool) as tracker:
        assert tracker.pending == 6
        tracker.metrics("cell", {"mcc": 0.5}, step=5)
    cell = runs_of(uri)["cell"]
    assert history(uri, cell, "mcc") == [(step, step / 10) for step in range(6)]
    assert not list(spool.glob("*.jsonl"))


def test_a_kill_before_the_offset_is_written_uploads_twice_and_records_once(
    uri: str, spool: Path, tmp_path: Path
) -> None:
    tracker = Tracker(uri, "sweep", spool)
    record_a_sweep(tracker)
    kept = tmp_path / "kept.jsonl"
    shutil.copy(tracker._own.path, kept)
    tracker.close()
    before = runs_of(uri)["cell"]
    shutil.copy(kept, spool / "1-1.jsonl")
    Tracker(uri, "sweep", spool).close()
    after = runs_of(uri)["cell"]
    assert after.info.run_id == before.info.run_id
    assert after.info.end_time == before.info.end_time
    with sqlite3.connect(uri.removeprefix("sqlite:///")) as store:
        assert store.execute("select count(*) from metrics").fetchone() == (4,)


def test_records_for_another_store_are_left_alone(
    uri: str, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = Tracker(DEAD, "sweep", spool)
    tracker.run("cell", name="a cell")
    tracker.close()
    with caplog.at_level(logging.WARNING):
        Tracker(uri, "sweep", spool).close()
    assert f"1 records for the MLflow store {DEAD} wait in" in caplog.text
    assert len(list(spool.glob("*.jsonl"))) == 1


def test_a_living_process_keeps_its_spool(spool: Path) -> None:
    mine = WriteAheadLog.create(spool, {"uri": "x"})
    assert leftovers(spool, besides=spool / "other.jsonl") == []
    mine.append({"kind": "tags"})
    mine.close()
    assert [file.pending for file in leftovers(spool, besides=spool / "other.jsonl")] == [1]


def test_a_full_disk_keeps_records_in_memory(
    spool: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = WriteAheadLog.create(spool, {"uri": "x"})
    file.append({"n": 0})
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        real(descriptor, data[:4])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with caplog.at_level(logging.WARNING):
        file.append({"n": 1})
        file.append({"n": 2})
    assert caplog.text.count("held in memory") == 1
    first = file.read()
    assert [record["n"] for record, _ in first] == [0]
    file.mark_uploaded(first[-1][1], 1)
    second = file.read()
    assert [record["n"] for record, _ in second] == [1, 2]
    file.mark_uploaded(second[0][1], 1)
    monkeypatch.setattr(os, "write", real)
    file.append({"n": 3})
    assert [record["n"] for record, _ in file.read()] == [2]
    file.mark_uploaded(-1, 1)
    assert [record["n"] for record, _ in file.read()] == [3]
    assert file.pending == 1
