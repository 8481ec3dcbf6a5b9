"""Record of what was sent to another tracker, so nothing is sent twice."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Ledger:
    """Records that a tracker has, as JSON lines; metric values are identified by run, name and
    step.

    Parameters
    ----------
    path
        The file; created when the first line is written.
    """

    def __init__(self, path: Path) -> None:
        self._metrics: dict[tuple[str, str, int], float] = {}
        self._facts: dict[tuple[str, str], str] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b", buffering=0)
        self._read = 0
        if (size := self._file.seek(0, os.SEEK_END)) > 0:
            self._file.seek(size - 1)
            if self._file.read(1) != b"\n":
                # The last line is incomplete because its process was killed.
                self._file.write(b"\n")

    def new_metrics(self, key: str, metrics: Mapping[str, float], step: int) -> dict[str, float]:
        """Return the metrics that the tracker does not have with this value.

        Parameters
        ----------
        key
            Key of the run.
        metrics
            Values of the metrics by name.
        step
            Step: the number of bases seen.
        """
        self._read_on()

        def known(name: str, value: float) -> bool:
            before = self._metrics.get((key, name, step))
            return before is not None and math.isclose(before, value, rel_tol=1e-12)

        return {name: value for name, value in metrics.items() if not known(name, value)}

    def has(self, key: str, facts: Mapping[str, str]) -> bool:
        """Return whether the tracker has these facts of a run."""
        self._read_on()
        return all(self._facts.get((key, name)) == value for name, value in facts.items())

    def add(self, key: str, **what: Any) -> None:
        """Record what the tracker has accepted: `metrics` with their `step`, or `facts`."""
        self._file.write(json.dumps({"key": key, **what}).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read_on(self) -> None:
        """Read lines added by this process and by others that share the sweep."""
        self._file.seek(self._read)
        for line in self._file.readlines():
            if not line.endswith(b"\n"):
                # The line is still being written, or is incomplete because its process was killed.
                break
            self._read += len(line)
            with contextlib.suppress(ValueError, TypeError):
                self._know(**json.loads(line))

    def _know(
        self,
        key: str,
        step: int = 0,
        metrics: Mapping[str, float] | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        self._metrics |= {(key, name, step): value for name, value in (metrics or {}).items()}
        self._facts |= {(key, name): value for name, value in (facts or {}).items()}
