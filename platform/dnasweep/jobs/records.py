"""The records of a job in MLflow: one run per job, nested under the run of its model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from dnasweep.errors import InputError
from dnasweep.jobs.computing import JobOutcome
from dnasweep.storage import Storage
from dnasweep.tracking.client import check_reachable
from dnasweep.tracking.lookup import find_model_run
from dnasweep.tracking.tags import NOTE_TAG, command, package_versions
from dnasweep.tracking.tracker import DatasetInput, RunStatus, Tracker

LARGEST = 64 << 20
"""Maximum size in bytes of a file that is copied to MLflow; larger ones are only in the storage."""


@dataclass(frozen=True, kw_only=True)
class RunMetadata:
    """Metadata of a job that MLflow gets before anything is computed."""

    uri: str
    """MLflow store."""
    model: str
    """The model as named on the command line."""
    stage: str
    """Kind of job."""
    key: str
    """Content key of the job."""
    name: str
    """Name of the run."""
    params: Mapping[str, Any]
    """Everything that determines the result; lists become text, and None values are left out."""
    tags: Mapping[str, str]
    """Further tags."""
    inputs: Sequence[DatasetInput] = ()
    """Data that the job reads."""
    folder: str
    """Folder of the job's files in MLflow."""


class JobRecords:
    """The open run of one job.

    Parameters
    ----------
    tracker
        Tracker that sends the records.
    run
        Key of the run.
    folder
        Folder of the files in MLflow.
    """

    def __init__(self, tracker: Tracker, run: str, folder: str) -> None:
        self._tracker, self._run, self._folder = tracker, run, folder

    def throughput(self, outcome: JobOutcome, unit: str) -> None:
        """Record the throughput of this run of the job, if it computed anything."""
        if outcome.num_rows and outcome.seconds > 0:
            rate = {
                f"{unit}_per_second": outcome.num_rows / outcome.seconds,
                "num_actors": outcome.num_actors,
            }
            self._tracker.metrics(self._run, rate, step=outcome.num_rows)

    def finish(self, metrics: Mapping[str, Any], note: str, files: Sequence[Path]) -> None:
        """Record the result of the job: its numbers, a note in Markdown, and its files.

        Parameters
        ----------
        metrics
            Values of the metrics.
        note
            Description in Markdown.
        files
            Files of the artefact; very large ones stay in the storage.
        """
        numbers = {name: float(value) for name, value in metrics.items()}
        self._tracker.metrics(self._run, numbers, step=0)
        self._tracker.tags(self._run, {NOTE_TAG: note})
        for path in files:
            if path.stat().st_size <= LARGEST:
                self._tracker.artifact(self._run, path, self._folder)


@contextmanager
def recorded(metadata: RunMetadata, storage: Storage, console: Console) -> Iterator[JobRecords]:
    """Open the run of a job, nested under the run of its model if known, and close it afterwards.

    A tracking server that does not answer never stops the job: its records wait, and the same command
    sends them later.

    Parameters
    ----------
    metadata
        Metadata known from the start.
    storage
        Storage of the waiting records.
    console
        Console for a message if the server does not answer.
    """
    parent = None
    try:
        check_reachable(metadata.uri)
        parent = find_model_run(metadata.model, uri=metadata.uri)
    except InputError as error:
        console.print(f"[yellow]MLflow: {escape(str(error))}[/]\nThe job continues without it.")
    waiting = storage.folder("work", "spool", metadata.key)
    experiment = parent.experiment if parent else metadata.stage
    run = f"{metadata.stage}-{metadata.key}"
    with Tracker(metadata.uri, experiment, waiting) as tracker:
        tracker.run(
            run,
            name=metadata.name,
            params={
                name: " ".join(map(str, value)) if isinstance(value, list | tuple) else value
                for name, value in metadata.params.items()
                if value is not None
            },
            tags={
                **package_versions(),
                **(parent.parent_tags if parent else {}),
                "stage": metadata.stage,
                "command": command(),
                "artefact_key": metadata.key,
                **metadata.tags,
            },
            inputs=metadata.inputs or None,
        )
        status: RunStatus = "FAILED"
        try:
            yield JobRecords(tracker, run, metadata.folder)
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            tracker.end(run, status)
