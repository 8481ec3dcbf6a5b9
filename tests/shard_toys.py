"""Workers for the tests of sharded jobs: they count, fail and die as they are told."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from dnasweep.errors import InputError


def numbers(num_rows: int) -> pa.Table:
    """A work list: the numbers from 0, and each as text."""
    values = pa.array(range(num_rows))
    return pa.table({"number": values, "text": pc.cast(values, pa.large_string())})


class Squares:
    """Squares the numbers of a shard; leaves a mark for every shard it computes.

    Parameters
    ----------
    marks
        Folder for a file a start of a shard.
    die, refuse, fill
        Number at whose shard the process is killed (`dies` times), the work is refused, or the disk
        is full.
    """

    def __init__(
        self,
        *,
        marks: str,
        device: str,
        die: int = -1,
        dies: int = 1,
        refuse: int = -1,
        fill: int = -1,
        seconds: float = 0.0,
    ) -> None:
        self.marks, self.device, self.seconds = Path(marks), device, seconds
        self.die, self.dies, self.refuse, self.fill = die, dies, refuse, fill

    def smoke_test(self, rows: pa.Table) -> None:
        assert len(rows) == 1
        (self.marks / "rehearsed").touch()

    def compute(
        self, rows: pa.Table, progress: Callable[[int], None]
    ) -> tuple[dict[str, pa.Table], dict[str, Any]]:
        found = rows["number"].to_pylist()
        mark = f"{found[0]}-{os.getpid()}-{time.monotonic_ns()}"
        (self.marks / mark).touch()
        starts = len(list(self.marks.glob(f"{found[0]}-*")))
        if self.die in found and starts <= self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.refuse in found:
            raise InputError("the row is bad", row=self.refuse, remedy="Mend it.")
        if self.fill in found:
            raise RuntimeError("I/O error: No space left on device (os error 28)")
        for done in range(0, len(found), 4):
            progress(done)
            time.sleep(self.seconds)
        squares = pc.multiply(rows["number"], rows["number"])
        return {"squares": pa.table({"number": rows["number"], "square": squares})}, {
            "num_threads": int(os.environ.get("OMP_NUM_THREADS", "0"))
        }
