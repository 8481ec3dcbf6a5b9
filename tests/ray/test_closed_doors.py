"""Whoever has no token, or calls MLflow by a foreign name, is refused; real servers on this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).resolve().parents[2] / "clusters" / "mlflow_server.sh"
TOOLS = Path(sys.executable).parent
TOKEN = "a token that this test has made up"
MINUTES = 5 * 60


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return kept | {
        "HOME": str(home),
        "PATH": f"{TOOLS}:{os.environ['PATH']}",
        "RAY_USAGE_STATS_ENABLED": "0",
        **more,
    }


def give_token(home: Path, token: str) -> Path:
    (home / ".ray").mkdir(parents=True, mode=0o700)
    file = home / ".ray" / "auth_token"
    file.write_text(token)
    file.chmod(0o600)
    return home


def family(pid: int) -> list[psutil.Process]:
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def end(processes: list[psutil.Process]) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=30)


class Head(NamedTuple):
    """A head that `ray start` has started."""

    address: str
    home: Path
    processes: list[psutil.Process]


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    home = give_token(tmp_path_factory.mktemp("head"), TOKEN)
    # Ray's sockets have names of at most 107 letters.
    session = Path(tempfile.mkdtemp(prefix="doors", dir="/tmp"))
    port = free_port()
    command = [
        *(str(TOOLS / "ray"), "start", "--head", "--block", "--node-ip-address=127.0.0.1"),
        *(f"--port={port}", "--num-cpus=1", "--num-gpus=0", f"--temp-dir={session}"),
        *("--include-dashboard=false", f"--object-store-memory={100 * 2**20}"),
    ]
    with (home / "ray.log").open("wb") as log:
        started = subprocess.Popen(
            command,
            env=environment(home, RAY_AUTH_MODE="token"),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    processes: list[psutil.Process] = []
    try:
        deadline = time.monotonic() + MINUTES
        while "Ray runtime started" not in (said := (home / "ray.log").read_text()):
            assert started.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.2)
        processes = family(started.pid)
        yield Head(f"127.0.0.1:{port}", home, processes)
    finally:
        end(processes or family(started.pid))
        started.wait()
        shutil.rmtree(session, ignore_errors=True)


def join(head: Head, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Try to run a task on the cluster from a process of its own."""
    code = (
        "import ray, sys\n"
        "ray.init(address=sys.argv[1], logging_level='ERROR', log_to_driver=False)\n"
        "print('answer', ray.get(ray.remote(num_cpus=1)(lambda: 6 * 7).remote()))\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code, head.address],
        env=env | {"RAY_gcs_rpc_server_reconnect_timeout_s": "5"},
        capture_output=True,
        text=True,
        timeout=MINUTES,
        check=False,
    )


@pytest.mark.timeout(3 * MINUTES)
def test_who_shows_the_token_is_let_in(head: Head) -> None:
    done = join(head, environment(head.home, RAY_AUTH_MODE="token"))
    assert done.returncode == 0, done.stderr
    assert "answer 42" in done.stdout


@pytest.mark.timeout(3 * MINUTES)
@pytest.mark.parametrize("token", [None, "another token"])
@pytest.mark.parametrize("mode", ["disabled", "token"])
def test_who_does_not_is_refused(head: Head, tmp_path: Path, mode: str, token: str | None) -> None:
    home = give_token(tmp_path / "home", token) if token else tmp_path
    done = join(head, environment(home, RAY_AUTH_MODE=mode))
    assert done.returncode != 0
    assert "answer" not in done.stdout
    assert "oken" in done.stderr or "uthenti" in done.stderr, done.stderr[-2000:]


@pytest.mark.timeout(3 * MINUTES)
def test_a_machine_without_the_token_does_not_join(head: Head, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(str(TOOLS / "ray"), "start", f"--address={head.address}", "--num-cpus=1"),
            f"--object-store-memory={100 * 2**20}",
        ],
        env=environment(tmp_path, RAY_AUTH_MODE="disabled"),
        capture_output=True,
        text=True,
        timeout=MINUTES,
        check=False,
    )
    assert done.returncode != 0
    assert "Ray runtime started" not in done.stdout


def test_the_token_is_in_no_log_and_no_argument(head: Head) -> None:
    said = (head.home / "ray.log").read_text()
    said += "".join(" ".join(p.cmdline()) for p in head.processes if p.is_running())
    assert "gcs" in said
    assert TOKEN not in said


class Mlflow(NamedTuple):
    """MLflow as the head of a cluster starts it."""

    port: int
    home: Path
    folder: Path
    own_address: str
    processes: list[psutil.Process]

    def status(self, address: str, host: str | None = None) -> int:
        """Return the HTTP status of a request to one of the doors under some name."""
        request = urllib.request.Request(
            f"http://{address}:{self.port}/api/2.0/mlflow/experiments/search?max_results=1",
            headers={} if host is None else {"Host": host},
        )
        try:
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=60) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    home, port = tmp_path_factory.mktemp("mlflow"), free_port()
    folder = home / "records"
    (home / ".ray").mkdir()
    store = home / ".ray" / "mlflow_store"
    # Any URI will do for the place where a password would stand.
    store.write_text(f"sqlite:///{home}/a-secret-name.db\n")
    store.chmod(0o644)
    command = ["bash", str(SCRIPT), str(folder), str(home / "artifacts"), "", str(port)]
    try:
        done = subprocess.run(
            command, env=environment(home), capture_output=True, text=True, timeout=2 * MINUTES
        )
        assert done.returncode == 0, done.stderr
        processes = [p for file in folder.glob("*.pid") for p in family(int(file.read_text()))]
        own_address = done.stdout.split("http://")[-1].split(":")[0]
        yield Mlflow(port, home, folder, own_address, processes)
    finally:
        subprocess.run(["bash", str(SCRIPT), "--stop", str(folder)], check=True)


@pytest.mark.timeout(3 * MINUTES)
def test_mlflow_answers_to_its_own_names(mlflow: Mlflow) -> None:
    port = mlflow.port
    assert mlflow.status("127.0.0.1") == 200
    # What a browser says at the other end of `ray attach -p`.
    assert mlflow.status("127.0.0.1", f"localhost:{port}") == 200
    assert mlflow.status(mlflow.own_address) == 200


@pytest.mark.timeout(3 * MINUTES)
@pytest.mark.parametrize(
    "host", ["attacker.example", "attacker.example:{port}", "10.1.2.3:{port}", ""]
)
def test_mlflow_refuses_foreign_names(mlflow: Mlflow, host: str) -> None:
    for address in {"127.0.0.1", mlflow.own_address}:
        assert mlflow.status(address, host.format(port=mlflow.port)) == 403


def test_mlflow_listens_on_loopback_and_its_own_address_only(mlflow: Mlflow) -> None:
    listening = {
        connection.laddr.ip
        for process in mlflow.processes
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1", mlflow.own_address}


def test_the_store_of_the_records_is_nobody_elses_to_read(mlflow: Mlflow) -> None:
    assert (mlflow.home / "a-secret-name.db").is_file()
    said = (mlflow.folder / "mlflow.log").read_text()
    said += "".join(" ".join(process.cmdline()) for process in mlflow.processes)
    assert str(mlflow.port) in said
    assert "a-secret-name" not in said
    private = [mlflow.home / ".ray" / "mlflow_store", mlflow.home / "a-secret-name.db"]
    for file in [*private, *mlflow.folder.iterdir()]:
        assert file.stat().st_mode & 0o077 == 0, file


@pytest.mark.timeout(3 * MINUTES)
def test_starting_it_again_leaves_it_alone_and_it_can_be_stopped(mlflow: Mlflow) -> None:
    before = sorted(file.read_text() for file in mlflow.folder.glob("*.pid"))
    command = ["bash", str(SCRIPT), str(mlflow.folder), str(mlflow.home), "", str(mlflow.port)]
    subprocess.run(command, env=environment(mlflow.home), check=True, timeout=MINUTES)
    assert sorted(file.read_text() for file in mlflow.folder.glob("*.pid")) == before
    assert all(process.is_running() for process in mlflow.processes)
    subprocess.run(["bash", str(SCRIPT), "--stop", str(mlflow.folder)], check=True)
    _, alive = psutil.wait_procs(mlflow.processes, timeout=MINUTES)
    assert not alive
    assert not list(mlflow.folder.glob("*.pid"))
