"""The write-ahead log: one file of JSON lines per process, and its upload position.

Each line is written by a single system call, so lines written by a process survive when it is
killed; an incomplete last line is ignored. `<file>.offset` has the number of uploaded bytes. It is
replaced atomically after each upload, so after a kill some lines may be uploaded twice, which the
receiver must tolerate. :mod:`.uploader` describes what happens while MLflow is unreachable.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shutil
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from filelock import Timeout

from dnasweep.storage.lease import Lease
from dnasweep.storage.locks import claims_of, needs_leases

log = logging.getLogger("dnasweep.tracking")

Record = dict[str, Any]


class WriteAheadLog:
    """One file of records, exclusively locked as long as the object is open.

    Parameters
    ----------
    path, descriptor
        The file, which is open and locked.
    lease
        Lease that replaces the lock on file systems without locks.
    """

    def __init__(self, path: Path, descriptor: int, lease: Lease | None) -> None:
        self.path = path
        self._descriptor, self._lease = descriptor, lease
        self._lock = threading.Lock()
        self._unwritten: deque[bytes] = deque()
        """Lines that could not be written because the disk is full."""
        self._in_memory: list[Record] = []
        """Records being uploaded from memory, which are never written."""
        self._offset_path = path.with_suffix(".offset")
        self._offset, self._num_uploaded = self._read_offset()
        first, newline, _ = os.pread(descriptor, 1 << 16, 0).partition(b"\n")
        self.header: Record = _parse(first) if newline else {}
        if newline:
            self._offset = max(self._offset, len(first) + 1)
        self._num_records = self._num_uploaded + self._count_lines(self._offset)

    @classmethod
    def create(cls, folder: Path, header: Record) -> WriteAheadLog:
        """Create a new file whose first line is `header`."""
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            path = folder / f"{time.time_ns()}-{os.getpid()}.jsonl"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
            try:
                lease = _hold(path, descriptor)
                break
            except BlockingIOError:
                # Another process looking for leftover files has locked the empty file.
                os.close(descriptor)
        os.write(descriptor, _line(header))
        return cls(path, descriptor, lease)

    @classmethod
    def adopt(cls, path: Path) -> WriteAheadLog | None:
        """Take over the file of a process that has ended; None while that process runs."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            return None
        try:
            lease = _hold(path, descriptor)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if os.fstat(descriptor).st_nlink == 0:
            # The file was deleted after it was opened.
            os.close(descriptor)
            _let_go(path, lease)
            return None
        return cls(path, descriptor, lease)

    @property
    def pending(self) -> int:
        """Number of records that are not uploaded yet."""
        return self._num_records - self._num_uploaded

    def append(self, record: Record) -> None:
        """Write one record; if the disk is full, keep it in memory and retry with the next one."""
        with self._lock:
            self._unwritten.append(_line(record))
            self._num_records += 1
            self._write_waiting()

    def _write_waiting(self) -> None:
        while self._unwritten:
            data = self._unwritten[0]
            end = os.fstat(self._descriptor).st_size
            try:
                if os.write(self._descriptor, data) != len(data):
                    raise OSError("the disk is full")
            except OSError as error:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, end)
                if len(self._unwritten) == 1:
                    log.warning("records for MLflow are held in memory: %s", error)
                return
            self._unwritten.popleft()

    def read(self, limit_bytes: int = 1 << 20) -> list[tuple[Record, int]]:
        """Return pending records in order, each with the offset of the line after it.

        Records that exist only in memory, because the disk is full, come last and have offset -1.
        """
        with self._lock:
            self._write_waiting()
        if not self._in_memory:
            data = os.pread(self._descriptor, limit_bytes, self._offset)
            if b"\n" not in data and len(data) == limit_bytes:
                return self.read(limit_bytes * 8)
            records, position = [], self._offset
            for line in data.splitlines(keepends=True):
                if line.endswith(b"\n"):
                    position += len(line)
                    records.append((_parse(line), position))
            if records:
                return records
            with self._lock:
                self._in_memory = [_parse(line) for line in self._unwritten]
                self._unwritten.clear()
        return [(record, -1) for record in self._in_memory]

    def mark_uploaded(self, offset: int, num_records: int) -> None:
        """Record that `num_records` more records, up to `offset`, are uploaded."""
        self._num_uploaded += num_records
        if offset < 0:
            del self._in_memory[:num_records]
            return
        self._offset = offset
        temporary = self._offset_path.with_suffix(".aside")
        try:
            temporary.write_text(json.dumps({"offset": offset, "records": self._num_uploaded}))
            temporary.replace(self._offset_path)
        except OSError as error:
            log.debug("cannot remember the offset of %s: %s", self.path, error)

    def reject(self, record: Record, reason: str) -> None:
        """Append a record that the store refuses permanently to `<file>.rejected`."""
        rejected = self.path.with_suffix(".rejected")
        with contextlib.suppress(OSError), rejected.open("a") as file:
            file.write(json.dumps({"reason": reason, "record": record}) + "\n")

    def close(self) -> None:
        """Release the file, and delete it if everything in it is uploaded."""
        if self.pending == 0:
            for path in (self.path, self._offset_path):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
        os.close(self._descriptor)
        _let_go(self.path, self._lease)

    def _read_offset(self) -> tuple[int, int]:
        try:
            state = json.loads(self._offset_path.read_text())
            return int(state["offset"]), int(state["records"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0, 0

    def _count_lines(self, position: int) -> int:
        count = 0
        while data := os.pread(self._descriptor, 1 << 20, position):
            count += data.count(b"\n")
            position += len(data)
        return count


def leftovers(folder: Path, *, besides: Path) -> list[WriteAheadLog]:
    """Take over all files that earlier processes left in `folder`, oldest first."""
    files = sorted(path for path in folder.glob("*.jsonl") if path != besides)
    return [file for path in files if (file := WriteAheadLog.adopt(path)) is not None]


def _hold(path: Path, descriptor: int) -> Lease | None:
    """Lock an open file, with a lease if its file system does not support locks.

    Raises
    ------
    BlockingIOError
        If another process holds the lock.
    """
    if not needs_leases(path.parent):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return None
    try:
        return Lease(claims_of(path)).acquire(timeout=0)
    except Timeout as error:
        raise BlockingIOError from error


def _let_go(path: Path, lease: Lease | None) -> None:
    if lease is not None:
        lease.release()
        if not path.exists():
            shutil.rmtree(lease.folder, ignore_errors=True)


def _line(record: Record) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _parse(line: bytes) -> Record:
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}
