"""The event log of a sweep: evaluations of its trials in the order the driver received them.

One line of JSON per evaluation, written immediately. The log outlives the driver, so a sweep that
was killed and is resumed knows which trials it had stopped. The log also shows the cost at which a
value was reached.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from dnasweep.stages.specs import ClassifierSpec

FILE, CHECK = "course.jsonl", "checksum"


POINT, BEST = "point", "best"
"""Names under which a trial reports an evaluation, and its best value so far, to Tune."""


class Evaluated(NamedTuple):
    """One evaluation of one trial."""

    key: str
    """Key of the trial."""
    number: int
    """Number of the evaluation in its trial, from 1; computed from the bases seen."""
    best: float
    """Best value of the metric so far in this trial."""
    evaluation: dict[str, Any]
    """The evaluation: step, bases_seen, device_seconds, metrics and other values."""

    @classmethod
    def of(cls, spec: ClassifierSpec, best: float, evaluation: dict[str, Any]) -> Evaluated:
        """Return the entry for an evaluation of `spec`.

        Parameters
        ----------
        spec
            Specification of the trial.
        best
            Best value of the metric so far in the trial.
        evaluation
            Step, bases_seen, device_seconds, metrics and other values.
        """
        share = evaluation["bases_seen"] / spec.training.bases
        number = max(1, round(spec.training.evaluations * share))
        return cls(spec.key, number, float(best), evaluation)

    @property
    def text(self) -> str:
        """The entry as text, because Tune flattens nested values."""
        return json.dumps(self._asdict())

    @classmethod
    def of_result(cls, result: Mapping[str, Any]) -> Evaluated | None:
        """Return the entry in a result of Tune, or None if it has none."""
        return cls(**json.loads(result[POINT])) if POINT in result else None


class EventLog:
    """The evaluations of a sweep, stored in a file.

    Parameters
    ----------
    path
        The file; it is created with the first entry.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.points = read_event_log(path)
        self._known = {(point.key, point.number) for point in self.points}
        self._last = {point.key: point.evaluation for point in self.points}
        self._whole = not path.is_file() or path.read_bytes()[-1:] in (b"\n", b"")

    def add(self, point: Evaluated) -> bool:
        """Add an entry and return True; return False if that evaluation is already in the log."""
        if (point.key, point.number) in self._known:
            return False
        self._known.add((point.key, point.number))
        self.points.append(point)
        self._last[point.key] = point.evaluation
        with self._path.open("a", encoding="utf-8") as file:
            # A driver that was killed while writing leaves an incomplete line.
            file.write(("" if self._whole else "\n") + _line(point) + "\n")
        self._whole = True
        return True

    def last(self, key: str) -> dict[str, Any] | None:
        """Return the last evaluation of a trial, or None."""
        return self._last.get(key)


def read_event_log(path: Path) -> list[Evaluated]:
    """Return the entries of a file, ignoring incomplete or damaged lines."""
    points: list[Evaluated] = []
    if not path.is_file():
        return points
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            point = Evaluated(**{n: v for n, v in json.loads(line).items() if n != CHECK})
            if _line(point) == line:
                points.append(point)
    return points


def _line(point: Evaluated) -> str:
    """Return the line of an entry, with a checksum."""
    fields = point._asdict()
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]
    return json.dumps({**fields, CHECK: digest})
