"""Locks of a storage: one holder among all processes of all machines that share it.

Usually these are locks of the operating system, which are released when a process dies. Some file
systems do not support locks (Lustre without `flock`, NFS without a lock service), and others limit
them to one machine. On these a lock is a :class:`.lease.Lease`, which the next process takes over
a minute after its holder died on another machine.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from filelock import FileLock, Timeout

from dnasweep.storage.lease import Lease

MARKER = ".without-locks"
"""File that marks a folder where some machine has no locks; all machines then use leases."""
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)
_SHARED = ("nfs", "nfs4", "lustre", "cifs", "smb3")
_LOCAL_LOCKS = re.compile(r"nolock|localflock|local_lock=(all|flock|posix)|nobrl")
"""Mount options with which locks are limited to one machine."""

_MOUNTS = "/proc/self/mountinfo"
_known: dict[Path, bool] = {}


def needs_leases(folder: Path) -> bool:
    """Return whether locks on files of a folder do not hold on all machines that share it.

    Parameters
    ----------
    folder
        The folder; created if needed.
    """
    if folder not in _known:
        folder.mkdir(parents=True, exist_ok=True)
        _known[folder] = not takes_locks(folder) or _keeps_locks_to_one_machine(folder)
        if _known[folder]:
            (folder / MARKER).touch()
    return _known[folder] or (folder / MARKER).exists()


class StorageLock:
    """A lock with at most one holder; a context manager.

    Parameters
    ----------
    path
        File of the lock. If leases are needed, the folder `<name>.claims` beside it is used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: FileLock | Lease | None = None

    def acquire(self, timeout: float = -1) -> StorageLock:
        """Wait for the lock and take it.

        Parameters
        ----------
        timeout
            Maximum waiting time in seconds; negative: no limit.

        Raises
        ------
        filelock.Timeout
            If another process has it for longer.
        """
        folder = self._path.parent
        if not needs_leases(folder):
            lock = FileLock(self._path)
            lock.acquire(timeout=timeout)
            if not needs_leases(folder):
                self._held = lock
                return self
            # A machine without locks has joined in the meantime.
            lock.release()
        self._held = Lease(claims_of(self._path)).acquire(timeout)
        return self

    @contextlib.contextmanager
    def held(self, waiting: AbstractContextManager[object]) -> Iterator[None]:
        """Hold the lock during the block.

        Parameters
        ----------
        waiting
            Entered as long as another process has the lock, to say so.
        """
        try:
            self.acquire(timeout=0)
        except Timeout:
            with waiting:
                self.acquire()
        with self:
            yield

    def release(self) -> None:
        """Give the lock up."""
        held, self._held = self._held, None
        if held is not None:
            held.release()

    def confirm(self) -> None:
        """Make sure that the lock is still held; call it before anything is published.

        Raises
        ------
        dnasweep.storage.lease.LockLost
            If another process has taken it over.
        """
        if isinstance(self._held, Lease):
            self._held.confirm()

    def __enter__(self) -> StorageLock:
        return self if self._held is not None else self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


def claims_of(path: Path) -> Path:
    """Return the folder of the lease that replaces a lock on a file."""
    return path.with_name(f"{path.name}.claims")


def takes_locks(folder: Path) -> bool:
    """Return whether the file system of a folder supports both kinds of locks."""
    with tempfile.TemporaryFile(dir=folder, prefix=".lock-test-") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(file, fcntl.LOCK_UN)
            # SQLite uses this kind.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return False
            raise
    return True


def _keeps_locks_to_one_machine(folder: Path) -> bool:
    """Return whether the mount options of the folder limit locks to one machine."""
    device = os.stat(folder).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    with contextlib.suppress(OSError), open(_MOUNTS, errors="replace") as file:
        for line in file:
            before, _, behind = line.partition(" - ")
            kind, *_, options = behind.split()
            if before.split()[2] == number and kind in _SHARED:
                return any(_LOCAL_LOCKS.fullmatch(option) for option in options.split(","))
    return False
