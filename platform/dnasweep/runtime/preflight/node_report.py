"""What a node finds out about itself and about what it shares with the others.

Runs on the node. Nothing in here raises for what is wrong there: that is what it reports.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import platform
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import dnasweep
from dnasweep.errors import InputError
from dnasweep.storage import Storage
from dnasweep.tracking.client import ask_server, first_line

PROBES = "preflight"
"""Artefact kind of the probes; they are gone when the preflight ends."""
LIBRARIES = ("ray", "torch", "transformers", "mlflow")
RETRY_SECONDS = 20.0
"""How long a storage may take to answer."""
_SETTLE_S = 3.0
"""How long a network file system may take to show what another machine has written."""


class Disk(NamedTuple):
    """Room on the disk of a place."""

    use: str
    """What it is for: `temporary files`, `Ray` or `storage`."""
    path: str
    """The place."""
    free: int
    """Bytes a user may still write."""
    total: int
    """Bytes in all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeReport:
    """What one node reports."""

    name: str
    """The node's name, or `this process` for the driver."""
    python: str
    """Python version, such as 3.11.7."""
    versions: Mapping[str, str]
    """Library to version, without the build behind a plus sign."""
    code: str
    """Digest of dnasweep's source."""
    storage_fault: str = ""
    """Why it cannot write to the storage."""
    disks: tuple[Disk, ...] = ()
    """Room where it writes."""
    mlflow_status: int | None = None
    """HTTP status of the MLflow server's answer; None without one, or where it was not asked."""
    mlflow_text: str = ""
    """What the server said to that."""
    auth_mode: str = ""
    """RAY_AUTH_MODE, in lower case."""
    token_in_environment: bool = False
    """Whether RAY_AUTH_TOKEN holds the token itself."""
    token_file: str = ""
    """Where the token is looked for."""
    token_permissions: int | None = None
    """Permission bits of that file; None where there is none."""


class ProbeReading(NamedTuple):
    """How one node reads what another one has written, and the time on its clock."""

    reader: str
    """Who read."""
    writer: str
    """Whose probe; empty where nobody had written one."""
    fault: str
    """Why it could not be read, or is not what was written."""
    offset_s: float
    """Its clock minus this machine's, in seconds."""
    within_s: float
    """How far that may be off: half of the round trip."""


def observe(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of this node's report.

    Parameters
    ----------
    asked
        `name` and `probe` of the node, `storage` and `key` of the probes, `uri` of an MLflow server
        or None, and `places` (use to path) whose room is asked for.
    """
    answer = ask_server(asked["uri"]) if asked["uri"] else None
    token_file = os.environ.get("RAY_AUTH_TOKEN_PATH") or str(Path.home() / ".ray" / "auth_token")
    places = {"temporary files": tempfile.gettempdir(), **asked["places"]}
    fault = within(RETRY_SECONDS, lambda: _write(asked))
    if not fault:
        places["storage"] = str(Storage(asked["storage"]).local)
    return {
        "name": asked["name"],
        "python": platform.python_version(),
        "versions": {"dnasweep": dnasweep.__version__, **_versions()},
        "code": _code(),
        "storage_fault": fault,
        "disks": _disks(places),
        "mlflow_status": answer.status if answer else None,
        "mlflow_text": answer.text if answer else "",
        "auth_mode": os.environ.get("RAY_AUTH_MODE", "").lower(),
        "token_in_environment": bool(os.environ.get("RAY_AUTH_TOKEN")),
        "token_file": token_file,
        "token_permissions": _permissions(token_file),
    }


def read_report(fields: Mapping[str, Any]) -> NodeReport:
    """Return the report of these fields; `TypeError` or `KeyError` where another version made them."""
    return NodeReport(**{**fields, "disks": tuple(Disk(*disk) for disk in fields["disks"])})


def read_probe(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Read what another node has written, and tell the time before and after.

    Parameters
    ----------
    asked
        `storage` and `key` of the probes, and `writer`: whose to read; empty reads none.
    """
    begun = time.time()
    fault = within(RETRY_SECONDS, lambda: _read(asked)) if asked["writer"] else ""
    return {"fault": fault, "begun": begun, "ended": time.time()}


def remove_probes(storage: Storage, key: str) -> None:
    """Remove the probes of one preflight, as far as that is possible."""
    shutil.rmtree(storage.local / PROBES / key, ignore_errors=True)
    if (bucket := storage.bucket) is not None:
        within(RETRY_SECONDS, lambda: bucket.clear(f"{PROBES}/{key}"))


def within(seconds: float, work: Callable[[], None]) -> str:
    """Do some work and return why it failed, empty if it did not; give up waiting after a while.

    A network file system whose server is away lets nobody go who touches it.
    """
    fault = [f"it did not answer within {seconds:g} s"]

    def run() -> None:
        try:
            work()
            fault[0] = ""
        except InputError as error:
            fault[0] = error.reason
        except Exception as error:
            fault[0] = getattr(error, "strerror", None) or first_line(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    return fault[0]


def _write(asked: Mapping[str, Any]) -> None:
    storage = Storage(asked["storage"])
    storage.check_writable()
    if not storage.is_remote:
        storage.folder(PROBES, asked["key"])
    storage.put(PROBES, asked["key"], asked["probe"], asked["key"] + asked["probe"])


def _read(asked: Mapping[str, Any]) -> None:
    storage, writer = Storage(asked["storage"]), asked["writer"]
    deadline = time.monotonic() + _SETTLE_S
    while True:
        try:
            with storage.open(PROBES, asked["key"], writer) as probe:
                text = probe.read().decode()
            break
        except FileNotFoundError:
            if time.monotonic() > deadline:
                raise InputError("it is not there") from None
            time.sleep(0.2)
    if text != asked["key"] + writer:
        raise InputError(f"it holds {len(text)} other characters")


def _versions() -> dict[str, str]:
    found = {}
    for library in LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library).split("+")[0]
        except importlib.metadata.PackageNotFoundError:
            found[library] = "none"
    return found


def _code() -> str:
    digest = hashlib.sha256()
    package = Path(dnasweep.__file__).parent
    for path in sorted(package.rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _disks(places: Mapping[str, str]) -> list[Disk]:
    found = []
    for use, path in places.items():
        with contextlib.suppress(OSError):
            place = Path(path)
            while not place.exists():
                place = place.parent
            room = shutil.disk_usage(place)
            found.append(Disk(use, path, room.free, room.total))
    return found


def _permissions(path: str) -> int | None:
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        return None
