"""What an attribution job tells MLflow: one run a job, nested under the model's run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from dnasweep.cluster.attribution_request import KIND, Request
from dnasweep.cluster.records import NOTE_TAG, command
from dnasweep.cluster.shards import Shards
from dnasweep.cluster.tracking import DatasetInput, Tracker, check_reachable, package_versions
from dnasweep.cluster.tracking_runs import find_model_run
from dnasweep.errors import InputError

REPORT = "report"


class AttributionRecords:
    """The run of one job.

    Parameters
    ----------
    tracker
        Takes the records on their way.
    key
        The job's.
    """

    def __init__(self, tracker: Tracker, key: str) -> None:
        self._tracker, self._run = tracker, f"{KIND}-{key}"

    def open(self, request: Request, shards: Shards, tags: Mapping[str, str]) -> None:
        """Open the run, or the one that is there."""
        settings = request.settings
        params = {name: value for name, value in settings.items() if value is not None}
        self._tracker.run(
            self._run,
            name=f"{KIND} {settings['target']} {shards.key[:6]}",
            params={
                **params,
                "classes": " ".join(settings["classes"]),
                "num_sequences": shards.num_rows,
                "shard_size": shards.shard_size,
            },
            tags={
                **package_versions(),
                **tags,
                "stage": KIND,
                "command": command(),
                "artefact_key": shards.key,
                "attributions": shards.place,
            },
            inputs=[
                DatasetInput(
                    name=f"sequences-{shards.key[:8]}",
                    digest=shards.key,
                    source=" ".join(request.options.data),
                    context="explained",
                )
            ],
        )

    def throughput(self, num_rows: int, seconds: float, num_actors: int) -> None:
        """Record how fast this start of the job was, if it computed anything."""
        if num_rows and seconds > 0:
            rate = {"sequences_per_second": num_rows / seconds, "num_actors": num_actors}
            self._tracker.metrics(self._run, rate, step=num_rows)

    def finish(self, facts: Mapping[str, Any], note: str, files: list[Path]) -> None:
        """Record what the job came to: sums over its shards, and the report."""
        numbers = {name: float(value) for name, value in facts.items()}
        self._tracker.metrics(self._run, numbers, step=0)
        self._tracker.tags(self._run, {NOTE_TAG: note})
        for path in files:
            self._tracker.artifact(self._run, path, REPORT)

    def end(self, error: BaseException | None = None) -> None:
        """Close the run."""
        stopped = isinstance(error, KeyboardInterrupt)
        status = "FINISHED" if error is None else ("KILLED" if stopped else "FAILED")
        self._tracker.end(self._run, status)  # type: ignore[arg-type]


@contextmanager
def recorded(request: Request, shards: Shards, console: Console) -> Iterator[AttributionRecords]:
    """Open the run of a job, under the run of its model where that is known, and close it.

    A tracking server that does not answer never stops the job: records wait and are sent by the
    same command later.
    """
    parent = None
    try:
        check_reachable(request.uri)
        parent = find_model_run(request.options.model, uri=request.uri)
    except InputError as error:
        console.print(f"[yellow]MLflow: {escape(str(error))}[/]\nThe job goes on without it.")
    spool = request.storage.folder("work", "spool", shards.key)
    experiment = parent.experiment if parent else KIND
    with Tracker(request.uri, experiment, spool) as tracker:
        records = AttributionRecords(tracker, shards.key)
        records.open(request, shards, parent.parent_tags if parent else {})
        try:
            yield records
        except BaseException as error:
            records.end(error)
            raise
        records.end()
