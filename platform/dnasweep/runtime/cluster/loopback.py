"""A session of this machine alone is closed to everybody else.

Ray opens its ports at all addresses of a machine and its folder to all of its users. Here it listens
on loopback, and its sockets, logs and objects lie in a folder that only its owner can enter.

One private constant of Ray is needed for it; checked with Ray 2.60.
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

from ray._private import ray_constants

from dnasweep.errors import InputError

_PREFIX = "dnasweep-"
_LOCK = "lock"
_LONGEST = 107 - len(
    f"/{_PREFIX}12345678/r/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store"
)
"""Bytes of a place in which Ray's sockets still have names that the system takes."""
_YOUNG_SECONDS = 60.0
"""A folder this young may be on its way to being held."""
LOOPBACK = "lo"


@contextlib.contextmanager
def loopback_only() -> Iterator[None]:
    """Let a session that is started in the block listen on loopback.

    Ray replaces a node address of 127.0.0.1 by an outward one wherever it believes in clusters, as
    it does on Linux; on other systems it takes loopback by itself.
    """
    believed = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = believed


def local_environment() -> dict[str, str]:
    """Return variables by which workers of one machine find one another on loopback."""
    wanted = {"GLOO_SOCKET_IFNAME": LOOPBACK, "NCCL_SOCKET_IFNAME": LOOPBACK}
    if not Path("/sys/class/net", LOOPBACK).exists():
        return {}
    return {name: value for name, value in wanted.items() if name not in os.environ}


@contextlib.contextmanager
def private_folder() -> Iterator[str]:
    """Give a folder for Ray's files that only this user can enter; it is removed at the end.

    It stays where RAY_TMPDIR says that Ray's files are wanted there.

    Raises
    ------
    InputError
        Where no folder can be made under a name that is short enough for sockets.
    """
    asked = os.environ.get("RAY_TMPDIR")
    folder = _make(asked)
    with contextlib.ExitStack() as stack:
        if asked is None or folder.parent != Path(asked):
            _remove_left(folder.parent)
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.enter_context(_held(folder))
        # Ray opens the folder it is given to everybody: this one stands within one that is closed.
        yield str(folder / "r")


def _make(asked: str | None) -> Path:
    """Make a folder of mode 0700."""
    if asked:
        with contextlib.suppress(OSError):
            Path(asked).mkdir(parents=True, exist_ok=True)
    places = [asked, tempfile.gettempdir(), "/tmp", "/var/tmp", os.environ.get("XDG_RUNTIME_DIR")]
    fault: OSError | None = None
    for place in filter(None, places):
        if len(os.fsencode(place)) > _LONGEST:
            continue
        try:
            return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=os.path.abspath(place)))
        except OSError as error:
            fault = error
    raise InputError(
        f"there is no place for Ray's files: {fault or 'the names of all are too long'}",
        remedy=f"Name a folder that you can write to, of at most {_LONGEST} bytes, in RAY_TMPDIR.",
    )


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Mark a folder as in use, as long as this process lives."""
    with (folder / _LOCK).open("w") as lock:
        # Without locks nobody can tell, and nothing is removed.
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _remove_left(place: Path) -> None:
    """Remove what sessions of this user have left there that were killed."""
    for folder in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            about = folder.lstat()
            young = time.time() - about.st_mtime < _YOUNG_SECONDS
            if young or about.st_uid != os.getuid() or not stat.S_ISDIR(about.st_mode):
                continue
            with (folder / _LOCK).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
