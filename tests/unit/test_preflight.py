"""What a node reports of itself, who reads whose probe, and what becomes of it in the terminal."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import dnasweep
import pytest
import ray
from dnasweep.errors import InputError
from dnasweep.runtime.cluster.placement import Demand, NodeCapacity, NodeGroup, Resources
from dnasweep.runtime.preflight import health_check, node_report, preflight
from dnasweep.runtime.preflight.health_check import ClusterHealth
from dnasweep.runtime.preflight.node_report import (
    observe,
    read_probe,
    read_report,
    remove_probes,
    within,
)
from dnasweep.runtime.preflight.preflight import Requirements, checked_session
from dnasweep.storage import Storage
from dnasweep.tracking.client import ask_server, is_loopback
from object_store import ObjectStore
from preflight_toys import health, report
from rich.console import Console

LAPTOP = Resources((NodeCapacity("laptop", 2),))
CLUSTER = Resources(health().nodes)
EMPTY = Resources(
    (NodeCapacity("head", 0, drivers=8),), (NodeGroup(NodeCapacity("gpu", 4, 1), 8),)
)


def asked(storage: Path | str, **changed: Any) -> dict[str, Any]:
    usual = {"storage": str(storage), "key": "k1", "uri": None, "places": {"Ray": "/"}}
    return usual | {"name": "a", "probe": "a"} | changed


def test_a_node_reports_itself_and_another_one_reads_its_probe(tmp_path: Path) -> None:
    # What crosses the wire is JSON, so that another version can be told from a defect.
    found = read_report(json.loads(json.dumps(observe(asked(tmp_path)))))
    assert (found.name, found.storage_fault) == ("a", "")
    assert found.versions["dnasweep"] == dnasweep.__version__
    assert set(found.versions) == {"dnasweep", "ray", "torch", "transformers", "mlflow"}
    assert [disk.use for disk in found.disks] == ["temporary files", "Ray", "storage"]
    assert all(0 < disk.free <= disk.total for disk in found.disks)
    reading = read_probe({"storage": str(tmp_path), "key": "k1", "writer": "a"})
    assert reading["fault"] == ""
    assert reading["begun"] <= reading["ended"] <= time.time()
    remove_probes(Storage(tmp_path), "k1")
    assert not (tmp_path / "preflight" / "k1").exists()


def test_probes_are_written_read_and_removed_in_a_bucket(
    object_store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    root = object_store.new_root()
    bucket = Storage(root).bucket
    assert bucket is not None
    found = read_report(observe(asked(root)))
    assert found.storage_fault == ""
    assert read_probe({"storage": root, "key": "k1", "writer": "a"})["fault"] == ""
    assert list(bucket.files()) == ["preflight/k1/a"]
    remove_probes(Storage(root), "k1")
    assert not bucket.files()


def test_what_cannot_be_written_or_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    found = read_report(observe(asked(tmp_path / "file" / "runs")))
    assert "Not a directory" in found.storage_fault
    assert [disk.use for disk in found.disks] == ["temporary files", "Ray"]
    monkeypatch.setattr(node_report, "_SETTLE_S", 0.0)
    nobody = {"storage": str(tmp_path / "runs"), "key": "k1", "writer": "b"}
    assert read_probe(nobody)["fault"] == "it is not there"
    observe(asked(tmp_path / "runs"))
    (tmp_path / "runs" / "preflight" / "k1" / "b").write_text("other")
    assert read_probe(nobody)["fault"] == "it holds 5 other characters"


def test_a_storage_that_hangs_is_not_waited_for() -> None:
    server = threading.Event()
    # Were it waited for, this would never end.
    assert within(0.1, lambda: server.wait() and None) == "it did not answer within 0.1 s"
    server.set()


def test_source_that_differs_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.py").write_text("x = 1\n")
    codes = []
    for name in ("one", "two", "two"):
        place = tmp_path / name / "runtime" / "preflight" / "node_report.py"
        monkeypatch.setattr(node_report, "__file__", str(place))
        codes.append(node_report._code())
        (tmp_path / "two" / "a.py").write_text("x = 2\n" if len(codes) == 2 else "x = 1\n")
    assert codes[0] == codes[1] != codes[2]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Something that takes one Host header only, as MLflow does."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wrong = not self.headers["Host"].startswith("127.0.0.1:")
            found = self.path.startswith("/api/2.0/mlflow/experiments/search")
            self.send_response(403 if wrong else 200 if found else 404)
            self.end_headers()
            self.wfile.write(b"Invalid Host header - possible DNS rebinding attack detected")

        def log_message(self, *text: object) -> None:
            pass

    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{serving.server_port}"
    serving.shutdown()
    serving.server_close()


def test_a_server_is_asked_by_its_name(server: str) -> None:
    assert ask_server(f"http://{server}").reached
    assert ask_server(f"http://me:secret@{server}").reached
    named = ask_server(f"http://localhost:{server.split(':')[1]}")
    assert named.refused_host
    assert not named.reached
    assert ask_server(f"http://{server}/elsewhere").status == 404


def test_a_server_that_is_not_there_is_no_defect() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    away = ask_server(f"http://127.0.0.1:{port}")
    assert (away.status, away.text) == (None, "Connection refused")
    assert ask_server("http://no host:port").status is None


@pytest.mark.parametrize(
    ("uri", "loopback"),
    [("http://127.0.0.1:5000", True), ("http://localhost", True), ("http://[::1]:5000", True),
     ("http://10.0.0.4:5000", False), ("http://head.internal", False)],
)  # fmt: skip
def test_loopback(uri: str, loopback: bool) -> None:
    assert is_loopback(uri) is loopback


def test_everybody_reads_the_one_before_who_has_written() -> None:
    pair = health_check.pair
    assert pair([("a", True), ("b", True), ("c", True)]) == {"a": "c", "b": "a", "c": "b"}
    assert pair([("a", True), ("b", False), ("c", True)]) == {"a": "c", "b": "a", "c": "a"}
    assert pair([("a", True), ("b", False)]) == {"a": "", "b": "a"}
    assert pair([("a", False)]) == {"a": ""}


def test_who_cannot_report_is_named_with_the_reason() -> None:
    fields = {"name": "d", "python": "3.11.7", "versions": {}, "code": "x", "disks": []}
    replies = {
        "1": health_check._Reply(fields, 0, 1),
        "2": health_check._Reply(ModuleNotFoundError("No module named 'dnasweep'"), 0, 1),
        "3": health_check._Reply(fields | {"unheard_of": 1}, 0, 1),
    }
    nodes = {str(i): NodeCapacity(f"node-{i}", 1) for i in (1, 2, 3, 4)}
    reports, silent = health_check._reports(replies, nodes, 60)
    assert list(reports) == ["1"]
    assert silent == {
        "node-2": "could not report: ModuleNotFoundError: No module named 'dnasweep'",
        "node-3": "reports in the form of another version of dnasweep",
        "node-4": "did not answer within 60 s",
    }


@pytest.mark.parametrize("at", ["first", "second"])
def test_a_machine_that_dies_meanwhile_is_not_held_against_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    both = {"1": NodeCapacity("node-1", 2), "2": NodeCapacity("node-2", 2)}
    lists = [both, {"1": both["1"]}]
    monkeypatch.setattr(
        health_check, "living_nodes", lambda: lists.pop(0) if lists[1:] else lists[0]
    )
    monkeypatch.setattr(health_check, "machine_kinds", lambda: ())
    monkeypatch.setattr(health_check, "_send", lambda task, asked: (task, asked))

    def collect(sent: Any, timeout_s: float) -> dict[str, Any]:
        (task, questions), replies = sent, {}
        for node, question in questions.items():
            first = task is not read_probe
            if node == "2" and (at == "first") == first:
                died = ray.exceptions.NodeDiedError("it is gone")
                replies[node] = health_check._Reply(died, 0.0, 1.0)
            else:
                value = observe(question) if first else read_probe(question)
                replies[node] = health_check._Reply(value, value.get("begun", 0.0), time.time())
        return replies

    monkeypatch.setattr(health_check, "_collect", collect)
    found = health_check.check_health(Storage(tmp_path), None, Demand())
    assert (found.left, found.silent) == (("node-2",), {})
    assert [node.name for node in found.nodes] == ["node-1"]
    assert [found_report.name for found_report in found.reports] == ["node-1"]
    assert not any(reading.fault for reading in found.readings)
    assert {"node-1"} <= {reading.reader for reading in found.readings}
    assert not list(tmp_path.glob("preflight/*"))


@pytest.mark.parametrize(
    ("terms", "resources", "expected"),
    [
        ({}, LAPTOP, Demand()),
        ({}, CLUSTER, Demand(gpus=1)),
        ({"workers": 4, "cpus_per_worker": 2}, CLUSTER, Demand(workers=4, cpus=2, gpus=1, driver=True)),
        ({"gpus_per_worker": 0}, CLUSTER, Demand()),
        ({"workers": 4, "grouped": False}, LAPTOP, Demand(workers=4)),
        ({}, EMPTY, Demand(gpus=1)),
    ],
)  # fmt: skip
def test_what_has_to_run_at_once(
    terms: dict[str, Any], resources: Resources, expected: Demand, tmp_path: Path
) -> None:
    assert Requirements(storage=Storage(tmp_path), **terms).demand(resources) == expected


class Stage:
    """A session and a health check with given results, and what was printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.resources, self.health = CLUSTER, health()
        self.checks_made = 0
        self.said = StringIO()
        self.console = Console(file=self.said, width=60)
        monkeypatch.setattr(preflight, "session", self._session)
        monkeypatch.setattr(preflight, "check_health", self._check_health)
        monkeypatch.setattr(preflight, "check_reachable", lambda uri: None)

    def _session(self, address: str | None) -> contextlib.AbstractContextManager[Resources]:
        return contextlib.nullcontext(self.resources)

    def _check_health(self, *asked: Any, **how: Any) -> ClusterHealth:
        self.checks_made += 1
        return self.health

    @property
    def lines(self) -> list[str]:
        return self.said.getvalue().splitlines()


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


def test_a_sweep_says_one_line_where_all_is_well(stage: Stage, tmp_path: Path) -> None:
    with checked_session(
        None, Requirements(storage=Storage(tmp_path)), stage.console
    ) as resources:
        assert resources is CLUSTER
    assert stage.lines == ["preflight: 8 checks passed on 3 nodes (1.5 s)"]


def test_a_head_that_waits_for_work_is_looked_at(stage: Stage, tmp_path: Path) -> None:
    stage.resources = EMPTY
    stage.health = health(nodes=EMPTY.each, groups=EMPTY.groups, demand=Demand(gpus=1))
    with checked_session(None, Requirements(storage=Storage(tmp_path)), stage.console):
        assert stage.checks_made == 1
    assert stage.lines == ["preflight: 8 checks passed on 3 nodes (1.5 s)"]


def test_a_sweep_is_refused_where_a_check_fails(stage: Stage, tmp_path: Path) -> None:
    stage.health = health("gpu-1", {"storage_fault": "Permission denied", "auth_mode": ""})
    with (
        pytest.raises(InputError, match=r"not ready: storage\. .*--no-preflight"),
        checked_session(None, Requirements(storage=Storage(tmp_path)), stage.console),
    ):
        pytest.fail("it went on")
    assert [line.split()[:2] for line in stage.lines] == [["fail", "storage"], ["warn", "tokens"]]


def test_one_machine_alone_and_who_does_not_want_it_are_not_looked_at(
    stage: Stage, tmp_path: Path
) -> None:
    with checked_session(None, None, stage.console):
        pass
    stage.resources = LAPTOP
    with checked_session(None, Requirements(storage=Storage(tmp_path)), stage.console):
        pass
    assert (stage.checks_made, stage.lines) == (0, [])


@pytest.mark.parametrize("fit", [True, False])
def test_the_doctor_says_a_line_a_check_and_leaves_with_its_code(
    stage: Stage, tmp_path: Path, fit: bool
) -> None:
    reason = "[Errno 13] a reason that is much longer than the terminal is wide, with [brackets]"
    stage.health = health("gpu-1", {} if fit else {"storage_fault": reason})
    options = preflight.DoctorOptions(storage=str(tmp_path), json=str(tmp_path / "checks.json"))
    assert preflight.run_doctor(options, stage.console) == (0 if fit else 1)
    head, *checks, verdict = stage.lines
    assert head == "Ray 3 nodes, 8 CPU, 2 GPU"
    assert [line[:4] for line in checks] == ["pass"] * 2 + ["pass" if fit else "fail"] + [
        "pass"
    ] * 5
    # Aligned, and never wrapped.
    assert {line[15:17].strip() == line[16] for line in checks} == {True}
    assert verdict == ("ready" if fit else "1 of 8 checks fail")
    written = json.loads((tmp_path / "checks.json").read_text())
    assert written["ready"] is fit
    assert [check["name"] for check in written["checks"]][:3] == ["nodes", "versions", "storage"]
    assert written["survey"]["nodes"][1] == {
        "name": "gpu-1",
        "cpus": 4,
        "gpus": 1,
        "drivers": 0,
    } | {"emulates_bf16": False}
    if not fit:
        assert reason in next(line for line in checks if line.startswith("fail"))


def test_the_doctor_asks_mlflows_own_client(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(uri: str) -> None:
        raise InputError("no MLflow server answers", remedy="Start it.")

    monkeypatch.setattr(preflight, "check_reachable", away)
    assert preflight.run_doctor(preflight.DoctorOptions(storage=str(tmp_path)), stage.console) == 1
    assert any("no MLflow server answers -> Start it." in line for line in stage.lines)


@pytest.mark.parametrize(
    "wrong",
    [{"workers_per_trial": 0}, {"cpus_per_worker": 0}, {"gpus_per_worker": -1.0},
     {"timeout_s": 0}, {"json": "/no/such/folder/checks.json"}, {"json": "/"}],
)  # fmt: skip
def test_options_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        preflight.DoctorOptions(**wrong)


def test_a_report_keeps_no_token() -> None:
    fields = set(report("a").__dataclass_fields__)
    assert not {"token", "auth_token", "environment"} & fields
