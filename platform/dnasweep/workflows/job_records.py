"""What a job of shards tells MLflow: one run a job, nested under the run of its model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from dnasweep.errors import InputError
from dnasweep.jobs.shards.shards import Shards
from dnasweep.runtime.shards.run import JobOutcome
from dnasweep.tracking.client import check_reachable
from dnasweep.tracking.lookup import find_model_run
from dnasweep.tracking.tags import NOTE_TAG, command, package_versions
from dnasweep.tracking.tracker import DatasetInput, Tracker

LARGEST = 64 << 20
"""Bytes of a file that still goes to MLflow; larger ones stay in the storage alone."""


@dataclass(frozen=True, kw_only=True)
class RunMetadata:
    """What stands in MLflow of a job before anything is computed."""

    uri: str
    """MLflow store."""
    model: str
    """The model as it was named on the command line."""
    settings: Mapping[str, Any]
    """Everything beside the rows that makes the result; what is None is left out."""
    unit: str
    """What its rows are, such as sequences."""
    context: str
    """What is done to them, such as explained."""
    sources: Sequence[str]
    """Where they come from."""
    folder: str
    """Of its files in MLflow."""


class JobRecords:
    """The run of one job.

    Parameters
    ----------
    tracker
        Takes the records on their way.
    entry
        What is known from the start.
    shards
        The job.
    """

    def __init__(self, tracker: Tracker, entry: RunMetadata, shards: Shards) -> None:
        self._tracker, self._entry, self._shards = tracker, entry, shards
        self._run = f"{shards.kind}-{shards.key}"

    def open(self, tags: Mapping[str, str]) -> None:
        """Open the run, or the one that is there."""
        entry, shards = self._entry, self._shards
        named = [shards.kind, str(entry.settings.get("target") or ""), shards.key[:6]]
        self._tracker.run(
            self._run,
            name=" ".join(filter(None, named)),
            params={
                **{name: _shown(one) for name, one in entry.settings.items() if one is not None},
                f"num_{entry.unit}": shards.num_rows,
                "shard_size": shards.shard_size,
            },
            tags={
                **package_versions(),
                **tags,
                "stage": shards.kind,
                "command": command(),
                "artefact_key": shards.key,
                shards.kind: shards.place,
            },
            inputs=[
                DatasetInput(
                    name=f"{entry.unit}-{shards.key[:8]}",
                    digest=shards.key,
                    source=" ".join(entry.sources),
                    context=entry.context,
                )
            ],
        )

    def throughput(self, run: JobOutcome) -> None:
        """Record how fast this start of the job was, if it computed anything."""
        if run.num_rows and run.seconds > 0:
            rate = {
                f"{self._entry.unit}_per_second": run.num_rows / run.seconds,
                "num_actors": run.num_actors,
            }
            self._tracker.metrics(self._run, rate, step=run.num_rows)

    def finish(self, facts: Mapping[str, Any], note: str, files: Sequence[Path]) -> None:
        """Record what the job came to: sums over its shards, and its files."""
        numbers = {name: float(value) for name, value in facts.items()}
        self._tracker.metrics(self._run, numbers, step=0)
        self._tracker.tags(self._run, {NOTE_TAG: note})
        for path in files:
            if path.stat().st_size <= LARGEST:
                self._tracker.artifact(self._run, path, self._entry.folder)

    def end(self, error: BaseException | None = None) -> None:
        """Close the run."""
        stopped = isinstance(error, KeyboardInterrupt)
        status = "FINISHED" if error is None else ("KILLED" if stopped else "FAILED")
        self._tracker.end(self._run, status)  # type: ignore[arg-type]


@contextmanager
def recorded(entry: RunMetadata, shards: Shards, console: Console) -> Iterator[JobRecords]:
    """Open the run of a job, under the run of its model where that is known, and close it.

    A tracking server that does not answer never stops the job: records wait and are sent by the
    same command later.
    """
    parent = None
    try:
        check_reachable(entry.uri)
        parent = find_model_run(entry.model, uri=entry.uri)
    except InputError as error:
        console.print(f"[yellow]MLflow: {escape(str(error))}[/]\nThe job goes on without it.")
    spool = shards.storage.folder("work", "spool", shards.key)
    experiment = parent.experiment if parent else shards.kind
    with Tracker(entry.uri, experiment, spool) as tracker:
        records = JobRecords(tracker, entry, shards)
        records.open(parent.parent_tags if parent else {})
        try:
            yield records
        except BaseException as error:
            records.end(error)
            raise
        records.end()


def _shown(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else value
