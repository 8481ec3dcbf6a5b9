"""A private folder for the files of a session on this machine.

By default, Ray listens on all addresses of a machine and opens its folder to all users. A local
session listens on loopback instead (:func:`~dnasweep.runtime.ray_private.loopback_only`), and its
sockets, logs and objects are in a folder that only its owner can enter.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from dnasweep.errors import InputError

_PREFIX = "dnasweep-"
_LOCK = "lock"
_MAX_PATH_BYTES = 107 - len(
    f"/{_PREFIX}12345678/r/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"
)
"""Maximum length of the parent folder with which the paths of Ray's sockets are short enough."""
_YOUNG_SECONDS = 60.0
"""Age up to which the owner of a folder may not have locked it yet."""
LOOPBACK = "lo"


def local_environment() -> dict[str, str]:
    """Return environment variables with which workers on one machine communicate on loopback."""
    wanted = {"GLOO_SOCKET_IFNAME": LOOPBACK, "NCCL_SOCKET_IFNAME": LOOPBACK}
    if not Path("/sys/class/net", LOOPBACK).exists():
        return {}
    return {name: value for name, value in wanted.items() if name not in os.environ}


@contextlib.contextmanager
def private_folder() -> Iterator[str]:
    """Yield a folder for Ray's files that only this user can enter; it is removed at the end.

    It is not removed if it is in the folder that RAY_TMPDIR names for Ray's files.

    Raises
    ------
    InputError
        If no folder with a path short enough for sockets can be created.
    """
    wanted = os.environ.get("RAY_TMPDIR")
    folder = _make_folder(wanted)
    with contextlib.ExitStack() as stack:
        if wanted is None or folder.parent != Path(wanted):
            _remove_leftovers(folder.parent)
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.enter_context(_locked(folder))
        # Ray makes its folder accessible to all users, so it gets a subfolder of the private one.
        yield str(folder / "r")


def _make_folder(wanted: str | None) -> Path:
    """Create a folder with mode 0700."""
    if wanted:
        with contextlib.suppress(OSError):
            Path(wanted).mkdir(parents=True, exist_ok=True)
    parents = [
        wanted,
        tempfile.gettempdir(),
        "/tmp",
        "/var/tmp",
        os.environ.get("XDG_RUNTIME_DIR"),
    ]
    fault: OSError | None = None
    for parent in filter(None, parents):
        if len(os.fsencode(parent)) > _MAX_PATH_BYTES:
            continue
        try:
            return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=os.path.abspath(parent)))
        except OSError as error:
            fault = error
    raise InputError(
        f"there is no place for Ray's files: {fault or 'the names of all are too long'}",
        remedy=f"Name a folder that you can write to, of at most {_MAX_PATH_BYTES} bytes, in "
        "RAY_TMPDIR.",
    )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Mark a folder as in use, as long as this process lives."""
    with (folder / _LOCK).open("w") as lock:
        # On a file system without locks, no process can lock the folder, so none removes it.
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _remove_leftovers(parent: Path) -> None:
    """Remove the folders of this user's sessions that were killed."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            status = folder.lstat()
            young = time.time() - status.st_mtime < _YOUNG_SECONDS
            if young or status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode):
                continue
            with (folder / _LOCK).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
