"""Another user of the machine gets nothing of a session: no token, no socket, no log, no answer."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

MINUTES = 5 * 60
SESSION = """
import json, sys, ray
from dnasweep.runtime.cluster.session import session
with session(None):
    assert ray.get(ray.remote(lambda: 6 * 7).remote()) == 42
    context = ray.get_runtime_context()
    print(json.dumps([context.get_temp_dir(), context.gcs_address]), flush=True)
    sys.stdin.read()
"""
ATTEMPTS = """
import json, os, socket, sys, urllib.request
import ray
from ray._raylet import GcsClient
folder, address, user, ports, files, sockets = json.loads(sys.argv[1])
if user is not None:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
got = {}

def attempt(name, work):
    try:
        got[name] = str(work())
    except BaseException as error:
        got[name] = f"refused: {type(error).__name__} {error}"

def connect(path):
    with socket.socket(socket.AF_UNIX) as door:
        door.connect(path)
    return "connected"

attempt("folder", lambda: os.listdir(folder))
for path in files:
    attempt(path, lambda path=path: open(path).read(1))
for path in sockets:
    attempt(path, lambda path=path: connect(path))
attempt("keys", lambda: GcsClient(address=address).internal_kv_keys(b"", b"session", timeout=20))
# What installs packages, and so runs commands, for a session.
request = urllib.request.Request(
    f"http://127.0.0.1:{ports[0]}/get_or_create_runtime_env", data=b"", method="POST"
)
if token := os.environ.get("RAY_AUTH_TOKEN"):
    request.add_header("Authorization", f"Bearer {token}")
attempt("install", lambda: urllib.request.urlopen(request, timeout=20).status)
if user is None or os.access(os.__file__, os.R_OK):
    attempt("join", lambda: ray.init(
        address=address, _temp_dir=folder, logging_level="CRITICAL", log_to_driver=False))
print(json.dumps(got), flush=True)
os._exit(0)
"""


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return kept | {"HOME": str(home), "RAY_USAGE_STATS_ENABLED": "0", **more}


class Running(NamedTuple):
    """A session in a process of its own."""

    folder: Path
    address: str
    home: Path
    processes: list[psutil.Process]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    # Where others may enter, unlike pytest's own folder.
    home = Path(tempfile.mkdtemp(prefix="home", dir="/tmp"))
    home.chmod(0o755)
    owner = subprocess.Popen(
        [sys.executable, "-c", SESSION],
        env=environment(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdin is not None
    assert owner.stdout is not None
    try:
        folder, address = json.loads(owner.stdout.readline())
        driver = psutil.Process(owner.pid)
        yield Running(Path(folder), address, home, [driver, *driver.children(recursive=True)])
    finally:
        owner.stdin.close()
        assert owner.wait(MINUTES) == 0
        shutil.rmtree(home)
    assert not Path(folder).parent.exists(), "Ray's files are gone with the session"


def test_a_session_of_one_machine_listens_on_loopback_alone(running: Running) -> None:
    listening = {
        connection.laddr.ip.removeprefix("::ffff:")
        for process in running.processes
        if process.is_running()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_token_and_folder_are_closed(running: Running) -> None:
    closed = {running.folder.parent: 0o700, running.home / ".ray": 0o700}
    closed[running.home / ".ray" / "auth_token"] = 0o600
    assert {path: path.stat().st_mode & 0o777 for path in closed} == closed


@pytest.fixture(scope="module")
def stranger() -> Iterator[int]:
    """The number of a user who is made for the tests."""
    if os.getuid() != 0 or not shutil.which("useradd"):
        pytest.skip("makes a user, which needs root and useradd")
    name = f"dnasweep{secrets.token_hex(4)}"
    subprocess.run(["useradd", "--no-create-home", "--system", name], check=True)
    try:
        yield int(subprocess.check_output(["id", "-u", name]))
    finally:
        subprocess.run(["userdel", name], check=True)


def attempt(running: Running, user: int | None, **variables: str) -> dict[str, str]:
    """Try every door from a process of a user; None: of the owner."""
    logs = [path for path in running.folder.rglob("*.out") if path.stat().st_size]
    token = running.home / ".ray" / "auth_token"
    sockets = [path for path in running.folder.rglob("*") if path.is_socket()]
    assert logs
    assert sockets
    agents = [p for p in running.processes if p.is_running() and "RuntimeEnvAgent" in p.name()]
    ports = [
        connection.laddr.port
        for agent in agents
        for connection in agent.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    asked = [str(running.folder), running.address, user, ports]
    doors = [[str(path) for path in paths] for paths in ([token, *logs], sockets)]
    done = subprocess.run(
        [sys.executable, "-c", ATTEMPTS, json.dumps([*asked, *doors])],
        env=environment(
            running.home,
            RAY_gcs_rpc_server_reconnect_timeout_s="5",
            # Or Ray would knock at another address of the machine.
            RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0",
            **variables,
        ),
        capture_output=True,
        text=True,
        timeout=MINUTES,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.timeout(2 * MINUTES)
def test_the_owner_gets_in_by_every_door_that_is_tried(running: Running) -> None:
    token = (running.home / ".ray" / "auth_token").read_text()
    got = attempt(running, None, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token)
    assert {"folder", "keys", "install", "join"} < set(got)
    assert not {name: text for name, text in got.items() if text.startswith("refused")}


@pytest.mark.timeout(2 * MINUTES)
@pytest.mark.parametrize("token", [None, "0" * 64])
def test_another_user_gets_nothing(running: Running, stranger: int, token: str | None) -> None:
    mode = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token} if token else {}
    got = attempt(running, stranger, **(mode or {"RAY_AUTH_MODE": "disabled"}))
    assert {"folder", "keys", "install"} < set(got)
    assert not {name: text for name, text in got.items() if not text.startswith("refused")}
    # Refused at the door, not for want of something else.
    assert "oken" in got["keys"]
    assert "HTTP Error 40" in got["install"]
    # Our Python may lie where another user cannot run it.
    assert "oken" in got.get("join", "token"), got["join"]
    assert all("Permission" in text for name, text in got.items() if name.startswith("/"))
