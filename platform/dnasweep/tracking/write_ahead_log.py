"""The spool: one file of JSON lines a process, and how far its lines have been shipped.

A line is written with a single system call, so what a killed process has written survives it; a
torn last line is ignored. `<file>.offset` says how many bytes are shipped; it is replaced
atomically after the fact, so a kill in between ships some lines twice, which the receiving end
must bear.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

log = logging.getLogger("dnasweep.tracking")

Record = dict[str, Any]


class WriteAheadLog:
    """One spool file, held under an exclusive lock for as long as the object lives."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._unwritten: deque[bytes] = deque()
        self._taken: list[Record] = []
        self.offset, self.shipped = self._read_offset()
        self.header: Record = {}
        self.start = 0
        self._read_header()
        self.written = self.shipped + self._count_lines(self.offset)

    @classmethod
    def create(cls, folder: Path, header: Record) -> WriteAheadLog:
        """Make a new file whose first line is `header`."""
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            path = folder / f"{time.time_ns()}-{os.getpid()}.jsonl"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                # Another process looked for leftovers in this very moment and took the empty file.
                os.close(descriptor)
        os.write(descriptor, _line(header))
        return cls(path, descriptor)

    @classmethod
    def adopt(cls, path: Path) -> WriteAheadLog | None:
        """Take over the file of a process that is gone; None while it lives."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink == 0:
                raise BlockingIOError
            return cls(path, descriptor)
        except BlockingIOError:
            os.close(descriptor)
            return None

    @property
    def pending(self) -> int:
        """Records not yet shipped."""
        return self.written - self.shipped

    def append(self, record: Record) -> None:
        """Write one record; on a full disk keep it in memory and try again with the next."""
        with self._lock:
            self._unwritten.append(_line(record))
            self.written += 1
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
        """Return the unshipped records in order, each with the offset behind it.

        Records that a full disk keeps in memory come last, with the offset -1.
        """
        with self._lock:
            self._write_waiting()
        if self._taken:
            return [(record, -1) for record in self._taken]
        data = os.pread(self._descriptor, limit_bytes, max(self.offset, self.start))
        if b"\n" not in data and len(data) == limit_bytes:
            return self.read(limit_bytes * 8)
        position = max(self.offset, self.start)
        records = []
        for line in data.splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            position += len(line)
            records.append((_parse(line), position))
        if not records:
            with self._lock:
                self._taken = [_parse(line) for line in self._unwritten]
                self._unwritten.clear()
            return [(record, -1) for record in self._taken]
        return records

    def mark_uploaded(self, offset: int, num_records: int) -> None:
        """Remember that everything before `offset` has arrived."""
        self.shipped += num_records
        if offset < 0:
            del self._taken[:num_records]
            return
        self.offset = offset
        target = self._offset_path()
        aside = target.with_suffix(".aside")
        try:
            aside.write_text(json.dumps({"offset": self.offset, "records": self.shipped}))
            aside.replace(target)
        except OSError as error:
            log.debug("cannot remember the offset of %s: %s", self.path, error)

    def reject(self, record: Record, reason: str) -> None:
        """Set aside a record that the store refuses for good."""
        with contextlib.suppress(OSError), self.rejects_path.open("a") as file:
            file.write(json.dumps({"reason": reason, "record": record}) + "\n")

    @property
    def rejects_path(self) -> Path:
        """Where refused records stand."""
        return self.path.with_suffix(".rejected")

    def close(self) -> None:
        """Release the file, and delete it where everything in it has arrived."""
        if self.pending == 0:
            for path in (self.path, self._offset_path()):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def _offset_path(self) -> Path:
        return self.path.with_suffix(".offset")

    def _read_offset(self) -> tuple[int, int]:
        try:
            state = json.loads(self._offset_path().read_text())
            return int(state["offset"]), int(state["records"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0, 0

    def _read_header(self) -> None:
        first = os.pread(self._descriptor, 1 << 16, 0)
        if b"\n" in first:
            line = first.split(b"\n", 1)[0] + b"\n"
            self.header, self.start = _parse(line), len(line)

    def _count_lines(self, offset: int) -> int:
        position, count = max(offset, self.start), 0
        while data := os.pread(self._descriptor, 1 << 20, position):
            count += data.count(b"\n")
            position += len(data)
        return count


def leftovers(folder: Path, *, besides: Path) -> list[WriteAheadLog]:
    """Take over all files of earlier processes in `folder`, oldest first."""
    files = sorted(path for path in folder.glob("*.jsonl") if path != besides)
    return [file for path in files if (file := WriteAheadLog.adopt(path)) is not None]


def _line(record: Record) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _parse(line: bytes) -> Record:
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}
