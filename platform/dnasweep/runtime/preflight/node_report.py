"""Report of a node about itself and about resources shared with other nodes.

This runs on the node. Problems found there are reported rather than raised.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from dnasweep.errors import InputError
from dnasweep.runtime.cluster.token import token_file
from dnasweep.storage import Storage
from dnasweep.tracking.client import ask_server, first_line
from dnasweep.tracking.tags import package_versions

PROBES = "preflight"
"""Artefact kind of the probes, which are removed when the preflight ends."""
LIBRARIES = ("ray", "torch", "transformers", "mlflow")
STORAGE_TIMEOUT_S = 20.0
"""Maximum seconds for a storage to answer."""
_SETTLE_S = 3.0
"""Maximum seconds for a network file system to show files written by another machine."""


class Disk(NamedTuple):
    """Space on the disk that a folder is on."""

    use: str
    """Use of the folder: `temporary files`, `Ray` or `storage`."""
    path: str
    """The folder."""
    free: int
    """Free bytes."""
    total: int
    """Bytes in total."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeReport:
    """Report of one node."""

    name: str
    """The node's name, or `this process` for the driver."""
    python: str
    """Python version, such as 3.11.7."""
    versions: Mapping[str, str]
    """Version of each library, without the build name after a plus sign."""
    code: str
    """Digest of dnasweep's source."""
    storage_fault: str = ""
    """Why the node cannot write to the storage; empty if it can."""
    disks: tuple[Disk, ...] = ()
    """Disk space in the folders that the node writes to."""
    mlflow_status: int | None = None
    """HTTP status of the MLflow server's answer; None if there was no answer or no request."""
    mlflow_text: str = ""
    """The beginning of the server's answer."""
    auth_mode: str = ""
    """RAY_AUTH_MODE, in lower case."""
    token_in_environment: bool = False
    """Whether RAY_AUTH_TOKEN contains the token itself."""
    token_file: str = ""
    """File in which Ray looks for the token."""
    token_permissions: int | None = None
    """Permission bits of this file; None if there is no file."""


class ProbeReading(NamedTuple):
    """Whether one node can read the probe of another, and the offset of its clock."""

    reader: str
    """Name of the node that read."""
    writer: str
    """Name of the node that wrote the probe; empty if no node has written one."""
    fault: str
    """Why the probe could not be read or is not as written; empty if it is."""
    offset_s: float
    """Clock of the reader minus that of this machine, in seconds."""
    within_s: float
    """Uncertainty of the offset in seconds: half of the round trip."""


def observe(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of this node's report.

    Parameters
    ----------
    request
        `name` and `probe` of the node, `storage` and `key` of the probes, `uri` of an MLflow server
        or None, and `places` (use to folder) whose disk space is wanted.
    """
    versions = {name: one.split("+")[0] for name, one in package_versions(LIBRARIES).items()}
    answer = ask_server(request["uri"]) if request["uri"] else None
    token = str(token_file())
    places = {"temporary files": tempfile.gettempdir(), **request["places"]}
    fault = within(STORAGE_TIMEOUT_S, lambda: _write(request))
    if not fault:
        places["storage"] = str(Storage(request["storage"]).local)
    return {
        "name": request["name"],
        "python": versions.pop("python"),
        "versions": {"dnasweep": importlib.metadata.version("dnasweep"), **versions},
        "code": _code(),
        "storage_fault": fault,
        "disks": _disks(places),
        "mlflow_status": answer.status if answer else None,
        "mlflow_text": answer.text if answer else "",
        "auth_mode": os.environ.get("RAY_AUTH_MODE", "").lower(),
        "token_in_environment": bool(os.environ.get("RAY_AUTH_TOKEN")),
        "token_file": token,
        "token_permissions": _permissions(token),
    }


def read_report(fields: Mapping[str, Any]) -> NodeReport:
    """Return the report with these fields.

    Raises
    ------
    TypeError, KeyError
        If the fields were made by another version of dnasweep.
    """
    return NodeReport(**{**fields, "disks": tuple(Disk(*disk) for disk in fields["disks"])})


def read_probe(request: Mapping[str, Any]) -> dict[str, Any]:
    """Read the probe of another node, and return the times before and after.

    Parameters
    ----------
    request
        `storage` and `key` of the probes, and `writer`: whose probe to read; empty reads none.
    """
    begun = time.time()
    fault = within(STORAGE_TIMEOUT_S, lambda: _read(request)) if request["writer"] else ""
    return {"fault": fault, "begun": begun, "ended": time.time()}


def remove_probes(storage: Storage, key: str) -> None:
    """Remove the probes of one preflight as far as possible."""
    shutil.rmtree(storage.local / PROBES / key, ignore_errors=True)
    if (bucket := storage.bucket) is not None:
        within(STORAGE_TIMEOUT_S, lambda: bucket.clear(f"{PROBES}/{key}"))


def within(seconds: float, work: Callable[[], None]) -> str:
    """Do some work within a time limit; return why it failed, or empty text if it succeeded.

    The work runs in a thread, because a call to a network file system may never return if its
    server is unavailable.
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


def _write(request: Mapping[str, Any]) -> None:
    storage = Storage(request["storage"])
    storage.check_writable()
    if not storage.is_remote:
        storage.folder(PROBES, request["key"])
    storage.put(PROBES, request["key"], request["probe"], request["key"] + request["probe"])


def _read(request: Mapping[str, Any]) -> None:
    storage, writer = Storage(request["storage"]), request["writer"]
    deadline = time.monotonic() + _SETTLE_S
    while True:
        try:
            with storage.open(PROBES, request["key"], writer) as probe:
                text = probe.read().decode()
            break
        except FileNotFoundError:
            if time.monotonic() > deadline:
                raise InputError("it is not there") from None
            time.sleep(0.2)
    if text != request["key"] + writer:
        raise InputError(f"it holds {len(text)} other characters")


def _code() -> str:
    digest = hashlib.sha256()
    package = Path(__file__).parents[2]
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
