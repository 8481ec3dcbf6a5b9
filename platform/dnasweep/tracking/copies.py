"""Copies of runs in other trackers; MLflow remains the primary record.

A separate thread sends records to each tracker, so training does not wait. A file in the folder of
the sweep lists the records that a tracker has; if the same command is run again, it sends only the
missing ones.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from dnasweep.tracking.client import first_line
from dnasweep.tracking.ledger import Ledger
from dnasweep.tracking.write_ahead_log import Record

log = logging.getLogger("dnasweep.tracking")

KINDS = frozenset({"run", "metrics", "tags", "end"})
"""Kinds of records that are copied; files and models are only in MLflow."""
TOLD = ("outcome", "reason", "selected", "best_trial")
"""Tags that are copied."""
_OPEN = 32
"""Maximum number of ended runs kept open, because test metrics follow when all trials have
ended."""
_CLOSING_S = 120.0
"""Maximum seconds for a tracker to finish at the end."""


class Run(NamedTuple):
    """A run to open."""

    key: str
    """Key of the run."""
    name: str
    """Displayed name."""
    group: str
    """Key of the sweep it belongs to."""
    stage: str
    """`sweep`, `encoder` or `trial`."""
    params: Mapping[str, object]
    """Its configuration."""


class OtherTracker(Protocol):
    """A tracker that runs are copied to; used by one thread."""

    def open(self, run: Run) -> None:
        """Open a run, or an earlier one again."""

    def metrics(self, key: str, metrics: Mapping[str, float], step: int) -> None:
        """Add metrics to an open run.

        Parameters
        ----------
        key
            Key of the run.
        metrics
            Values of the metrics by name.
        step
            Step: the number of bases seen.
        """

    def facts(self, key: str, facts: Mapping[str, str]) -> None:
        """Add facts about an open run."""

    def end(self, key: str, status: str) -> None:
        """Write out an open run and close it."""


class Copy:
    """Copies the records of one process to one tracker.

    Parameters
    ----------
    name
        Name of the tracker, for messages.
    place
        How to view its runs, in console markup.
    make
        Creates the tracker in the thread that uses it.
    ledger
        File with the list of records that the tracker has.
    sweep
        Key of the sweep.
    """

    def __init__(
        self, name: str, place: str, make: Callable[[], OtherTracker], ledger: Path, sweep: str
    ) -> None:
        self.place = place
        self.failure = ""
        """Why the tracker stopped accepting records."""
        self.name, self._make, self._sweep = name, make, sweep
        self._ledger = Ledger(ledger)
        self._runs: dict[str, Run] = {}
        self._open: dict[str, str] = {}
        """Keys of open runs, with their final status if they have ended."""
        self._waiting: queue.SimpleQueue[Record | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._copy_all, name=f"copy-{name}", daemon=True)
        self._thread.start()

    def put(self, record: Record) -> None:
        """Queue a record for copying and return immediately."""
        if record["kind"] in KINDS:
            self._waiting.put(record)

    def close(self, timeout_s: float | None = None) -> None:
        """Copy all queued records, close all runs and stop, within a timeout (default: 2 minutes)."""
        self._waiting.put(None)
        self._thread.join(_CLOSING_S if timeout_s is None else timeout_s)
        if self._thread.is_alive():
            self.failure = self.failure or "there was no time"
        if self.failure:
            log.warning(
                "%s does not have all records (%s); they are in MLflow, and the same command sends "
                "them again",
                self.name,
                self.failure,
            )

    def _copy_all(self) -> None:
        tracker: OtherTracker | None = None
        while (record := self._waiting.get()) is not None:
            if self.failure:
                continue
            try:
                tracker = tracker or self._make()
                self._copy(tracker, record)
            except Exception as error:
                # A failure of another tracker must not end the sweep.
                self.failure = first_line(error)
                log.warning("%s takes no more records: %s", self.name, self.failure)
        for key, status in list(self._open.items()):
            try:
                if tracker is not None:
                    self._end(tracker, key, status or "KILLED")
            except Exception as error:
                self.failure = self.failure or first_line(error)
        self._ledger.close()

    def _copy(self, tracker: OtherTracker, record: Record) -> None:
        key, kind = record["key"], record["kind"]
        if kind == "run":
            # The run is opened only when there is something new to record.
            stage = str(record["tags"].get("stage", "trial"))
            self._runs[key] = Run(key, record["name"], self._sweep, stage, record["params"])
        elif kind == "metrics":
            new = self._ledger.new_metrics(key, record["metrics"], record["step"])
            if new:
                self._opened(tracker, key)
                tracker.metrics(key, new, record["step"])
                self._ledger.add(key, step=record["step"], metrics=new)
        elif kind == "tags":
            facts = {name: record["tags"][name] for name in TOLD if name in record["tags"]}
            if facts and not self._ledger.has(key, facts):
                self._opened(tracker, key)
                tracker.facts(key, facts)
                self._ledger.add(key, facts=facts)
        elif key in self._open:
            self._open[key] = record["status"]
            ended = [one for one, status in self._open.items() if status]
            if len(ended) > _OPEN:
                self._end(tracker, ended[0], self._open[ended[0]])

    def _opened(self, tracker: OtherTracker, key: str) -> None:
        if key not in self._open:
            tracker.open(self._runs.get(key, Run(key, key, self._sweep, "trial", {})))
            self._open[key] = ""

    def _end(self, tracker: OtherTracker, key: str, status: str) -> None:
        del self._open[key]
        tracker.end(key, status)
