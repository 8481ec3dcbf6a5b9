"""MLflow's own page over a recorded sweep, in a real browser without a screen."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dnasweep.tracking.client import connect
from dnasweep.tracking.tracker import Tracker
from mlflow_toys import runs_of

pytest_plugins = ("mlflow_toys",)

BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or ""
DRIVER = shutil.which("chromedriver") or ""
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-sync", "--no-first-run"),
    "--window-size=1500,1000",
)
CELLS = {"kmer-3 all": ("kmer-3", 0.61), "bpe-64 all": ("bpe-64", 0.72)}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="needs chromium and chromedriver"),
]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def ask(address: str, body: dict[str, Any] | None = None, method: str | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or b"{}").get("value")


def wait_for(condition: Callable[[], object], *, timeout_s: float = 120) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if condition():
                return True
        except (OSError, ValueError):
            pass
        time.sleep(0.5)
    return False


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Start processes, each in a group of its own, and end them with all they started."""
    running: list[subprocess.Popen[bytes]] = []

    def start(*command: str) -> None:
        with (tmp_path / f"{Path(command[0]).name}.log").open("wb") as log:
            running.append(
                subprocess.Popen(
                    command, stdout=log, stderr=log, cwd=tmp_path, start_new_session=True
                )
            )

    yield start
    for process in reversed(running):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def page(uri: str, tmp_path: Path, started: Callable[..., None]) -> str:
    """Address of an MLflow server over the store of the test."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    mlflow = str(Path(sys.executable).with_name("mlflow"))
    started(
        *(mlflow, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", uri, "--artifacts-destination", str(tmp_path / "artifacts")),
    )
    assert wait_for(lambda: urllib.request.urlopen(f"{address}/health", timeout=2).status == 200)
    return address


@pytest.fixture
def browser(tmp_path: Path, started: Callable[..., None]) -> Iterator[str]:
    """Address of a WebDriver session."""
    driver = f"http://127.0.0.1:{(port := free_port())}"
    started(DRIVER, f"--port={port}")
    assert wait_for(lambda: ask(f"{driver}/status")["ready"])
    options = {"binary": BROWSER, "args": [*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"]}
    wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
    session = f"{driver}/session"
    session = f"{session}/{ask(session, wanted)['sessionId']}"
    yield session
    ask(session, method="DELETE")


def shows(browser: str, address: str, *texts: str) -> str:
    """Open a page and return its text once all `texts` stand there, at the latest after a while."""
    seen = ""

    def all_there() -> bool:
        nonlocal seen
        script = {"script": "return document.body.textContent", "args": []}
        seen = ask(f"{browser}/execute/sync", script)
        return all(text in seen for text in texts)

    ask(f"{browser}/url", {"url": "about:blank"})
    ask(f"{browser}/url", {"url": address})
    wait_for(all_there)
    return seen


def test_the_parent_its_children_and_their_comparison_are_shown(
    uri: str, page: str, browser: str, spool: Path
) -> None:
    with Tracker(uri, "sweep", spool) as tracker:
        tracker.run("parent", name="tokenizer-grid abc", tags={"mlflow.note.content": "- A won."})
        for name, (tokenizer, mcc) in CELLS.items():
            tracker.run(name, name=name, parent="parent", params={"tokenizer": tokenizer})
            tracker.metrics(name, {"best/mcc": mcc}, step=1000)
            tracker.end(name)
        tracker.end("parent")
        assert tracker.flush(60) == 0
    runs = {key: run.info.run_id for key, run in runs_of(uri).items()}
    experiment = connect(uri).get_experiment_by_name("sweep").experiment_id
    home = f"{page}/#/experiments/{experiment}"

    listed = shows(browser, f"{home}/runs?workflowType=machine_learning", "tokenizer-grid abc")
    assert "tokenizer-grid abc" in listed

    parent = shows(browser, f"{home}/runs/{runs['parent']}", *CELLS, "A won.")
    assert all(name in parent for name in CELLS)
    assert "A won." in parent

    children = json.dumps([runs[name] for name in CELLS]).replace('"', "%22").replace(" ", "")
    expected = ["best/mcc", *(str(value) for cell in CELLS.values() for value in cell)]
    compared = shows(
        browser,
        f"{page}/#/compare-runs?runs={children}&experiments=[%22{experiment}%22]",
        *expected,
    )
    assert [text for text in expected if text not in compared] == []
