"""A lock made only of files, for file systems whose locks are missing or limited to one machine.

A lock is a folder of numbered files, called claims. The process that creates the file with the
next number holds the lock; `O_EXCL` allows only one process on all machines to create it. The
holder touches its claim every few seconds, and writes `<number>.free` beside it when it releases
the lock. A claim that has not been touched for a minute, or whose process is known to have died on
this machine, is superseded by the next number. A claim that could be the last one is never
removed, so a process that was suspended detects that it has lost the lock: :meth:`Lease.confirm`
checks this, and is called before anything is published.

Optuna's journal locks work similarly, but there a process that wakes up may release the lock of
another process.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

from filelock import Timeout

HEARTBEAT_S, EXPIRY_S = 5.0, 60.0
"""Seconds between two heartbeats of a holder, and seconds without one after which it is presumed
dead."""
_LONG_AGO_S = 3600.0
"""Age of a heartbeat at which a claim is superseded without waiting; clocks may differ by almost
as much."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.002, 0.25
_NAME = re.compile(r"(\d{12})(\.free)?")


class LockLost(Exception):
    """Another process has taken over a lock, because its holder sent no heartbeat."""


class _Seen(NamedTuple):
    """A claim made by another process."""

    number: int
    touched: tuple[int, int]
    """Inode and time of its last change, by the clock of the file system."""
    owner: dict[str, Any]
    """Description of its maker by :func:`_this_process`; empty while it is being written."""


class Lease:
    """A lock held by at most one process on all machines that share a folder.

    Parameters
    ----------
    folder
        Folder of the claims, created when first needed; it must contain nothing else.
    heartbeat_s, expiry_s
        Seconds between two heartbeats, and after which a silent holder is superseded. All users of
        the lock must use the same values.
    """

    def __init__(
        self, folder: Path, *, heartbeat_s: float = HEARTBEAT_S, expiry_s: float = EXPIRY_S
    ) -> None:
        self.folder = folder
        self._heartbeat_s, self._expiry_s = heartbeat_s, expiry_s
        self._claim: Path | None = None
        self._stop = threading.Event()
        self._watched: tuple[_Seen, float] | None = None

    def acquire(self, timeout: float = -1) -> Lease:
        """Wait for the lock and take it.

        Parameters
        ----------
        timeout
            Maximum waiting time in seconds; negative: no limit.

        Raises
        ------
        filelock.Timeout
            If another process holds the lock for longer.
        """
        limit, pause = time.monotonic() + timeout, _FIRST_PAUSE_S
        while not self._try():
            if timeout >= 0 and limit <= time.monotonic():
                raise Timeout(str(self.folder))
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, _LONGEST_PAUSE_S)
        return self

    def release(self) -> None:
        """Release the lock."""
        claim, self._claim = self._claim, None
        if claim is None:
            return
        self._stop.set()
        # This is harmless for a superseded claim. If the file cannot be written, as on a full
        # disk, the claim expires without it.
        with contextlib.suppress(OSError):
            _create(claim.with_name(f"{claim.name}.free"), b"")

    def confirm(self) -> None:
        """Make sure that the lock is still held.

        Raises
        ------
        LockLost
            If another process has taken it over.
        """
        if self._claim is None or not self._touch(self._claim):
            raise LockLost(
                f"{self.folder} was taken over: this process sent no heartbeat for {self._expiry_s:g} s"
            )

    def __enter__(self) -> Lease:
        return self if self._claim is not None else self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()

    def _try(self) -> bool:
        self.folder.mkdir(parents=True, exist_ok=True)
        number, free = self._last()
        seen = None
        if number and not free:
            seen = self._look(number)
            if seen is None or not self._is_over(seen):
                return False
        mine = self.folder / f"{number + 1:012d}"
        try:
            _create(mine, json.dumps(_this_process()).encode())
        except FileExistsError:
            return False
        # Either the old holder sees this claim when it confirms its own, or its heartbeat is seen
        # here.
        late = self._last()[0] != number + 1
        back = seen is not None and self._touched(number) != seen.touched
        if late or back:
            mine.unlink(missing_ok=True)
            return False
        self._claim, self._stop = mine, threading.Event()
        beat = threading.Thread(target=self._beat, args=(mine, self._stop), daemon=True)
        beat.start()
        self._remove_before(number + 1)
        return True

    def _last(self) -> tuple[int, bool]:
        """Return the number of the last claim, 0 if there is none, and whether it was released."""
        found = [one for name in os.listdir(self.folder) if (one := _NAME.fullmatch(name))]
        last = max((int(one[1]) for one in found), default=0)
        return last, any(one[2] for one in found if int(one[1]) == last)

    def _look(self, number: int) -> _Seen | None:
        """Return a claim of another process, or None if it is gone."""
        # The file is opened, because NFS then queries its server instead of its cache.
        with contextlib.suppress(FileNotFoundError), open(self._path(number), "rb") as file:
            status, text = os.fstat(file.fileno()), file.read()
            try:
                owner = json.loads(text)
            except ValueError:
                owner = {}
            return _Seen(number, (status.st_ino, status.st_mtime_ns), owner)
        return None

    def _touched(self, number: int) -> tuple[int, int] | None:
        seen = self._look(number)
        return None if seen is None else seen.touched

    def _is_over(self, seen: _Seen) -> bool:
        """Return whether the holder is dead, or has sent no heartbeat for too long."""
        if _is_dead(seen.owner):
            return True
        if time.time() - seen.touched[1] / 1e9 > _LONG_AGO_S:
            return True
        now = time.monotonic()
        if self._watched is None or self._watched[0] != seen:
            self._watched = seen, now
        return now - self._watched[1] > self._expiry_s

    def _beat(self, claim: Path, stop: threading.Event) -> None:
        while not stop.wait(self._heartbeat_s):
            try:
                if not self._touch(claim):
                    return
            except OSError:
                # The file server may not answer for a while; `confirm` detects whether this was
                # too long.
                continue

    def _touch(self, claim: Path) -> bool:
        """Send a heartbeat, and return whether the claim is still the last one."""
        try:
            os.utime(claim)
        except FileNotFoundError:
            return False
        return self._last()[0] == int(claim.name)

    def _remove_before(self, number: int) -> None:
        with contextlib.suppress(OSError):
            for name in os.listdir(self.folder):
                one = _NAME.fullmatch(name)
                if one is not None and int(one[1]) < number:
                    (self.folder / name).unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:012d}"


def _create(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def _this_process() -> dict[str, Any]:
    """Return a unique description of this process: machine since its start, container, process."""
    pid = os.getpid()
    return {**_machine(), "pid": pid, "started": _start_of(pid)}


def _machine() -> dict[str, Any]:
    """Return values shared by processes that can see one another; empty if they are unknown."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return {"boot": boot, "processes": os.stat("/proc/self/ns/pid").st_ino}
    return {}


def _start_of(pid: int) -> str | None:
    """Return the start time of a process in kernel units; None if it cannot be read."""
    try:
        # The name of the process is in parentheses, and may contain any characters.
        words = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    # A zombie (field 3) has ended.
    return "ended" if words[0] in "ZX" else words[19]


def _is_dead(owner: dict[str, Any]) -> bool:
    """Return whether the process that made a claim is known to have ended."""
    here = _machine()
    if not here or owner.get("started") is None or any(owner.get(k) != v for k, v in here.items()):
        return False
    try:
        os.kill(owner["pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        # A process of another user has this number, perhaps a later one.
        return False
    return _start_of(owner["pid"]) not in (owner["started"], None)
