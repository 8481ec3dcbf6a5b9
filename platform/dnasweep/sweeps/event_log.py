"""The course of a sweep: every evaluation of its trials, in the order the driver heard of them.

One line of JSON each, written at once. It outlives the driver, so that a killed sweep knows which
trials it had stopped; and it tells what had been spent when a value was reached.
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


POINT = "point"
"""Under which name a trial reports it to Tune."""


class Evaluated(NamedTuple):
    """One evaluation of one trial."""

    key: str
    """Trial key."""
    number: int
    """Which evaluation of its trial it is, from 1; by bases seen, whatever was announced before."""
    best: float
    """The best value of the metric so far in this trial."""
    evaluation: dict[str, Any]
    """The evaluation: step, bases_seen, device_seconds, metrics and more."""

    @classmethod
    def of(cls, spec: ClassifierSpec, best: float, evaluation: dict[str, Any]) -> Evaluated:
        """Make the point of an evaluation of `spec`."""
        share = evaluation["bases_seen"] / spec.training.bases
        number = max(1, round(spec.training.evaluations * share))
        return cls(spec.key, number, float(best), evaluation)

    @property
    def text(self) -> str:
        """The point as one value: Tune takes nested ones apart for schedulers and searchers."""
        return json.dumps(self._asdict())

    @classmethod
    def told(cls, result: Mapping[str, Any]) -> Evaluated | None:
        """Return the point that a result of Tune carries, or None."""
        return cls(**json.loads(result[POINT])) if POINT in result else None


class EventLog:
    """The points of a sweep, kept in a file.

    Parameters
    ----------
    path
        The file; made with the first point.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.points = read_event_log(path)
        self._known = {(point.key, point.number) for point in self.points}
        self._last = {point.key: point.evaluation for point in self.points}
        self._whole = not path.is_file() or path.read_bytes()[-1:] in (b"\n", b"")

    def add(self, point: Evaluated) -> bool:
        """Keep a point and return True, unless that evaluation of its trial is known already."""
        if (point.key, point.number) in self._known:
            return False
        self._known.add((point.key, point.number))
        self.points.append(point)
        self._last[point.key] = point.evaluation
        with self._path.open("a", encoding="utf-8") as file:
            # A driver killed while writing leaves half a line.
            file.write(("" if self._whole else "\n") + _line(point) + "\n")
        self._whole = True
        return True

    def last(self, key: str) -> dict[str, Any] | None:
        """Return the last evaluation of a trial, or None."""
        return self._last.get(key)


def read_event_log(path: Path) -> list[Evaluated]:
    """Return the points of a file, without lines that a kill has cut short or that are damaged."""
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
    """Return the line of a point, with a checksum."""
    fields = point._asdict()
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]
    return json.dumps({**fields, CHECK: digest})
