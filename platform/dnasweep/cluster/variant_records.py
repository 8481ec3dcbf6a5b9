"""What a variant job tells MLflow: one run a job, nested under the model's run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from dnasweep.cluster.records import NOTE_TAG, command
from dnasweep.cluster.shards import Shards
from dnasweep.cluster.tracking import DatasetInput, Tracker, check_reachable, package_versions
from dnasweep.cluster.tracking_runs import find_model_run
from dnasweep.cluster.variant_request import KIND, VariantRequest
from dnasweep.errors import InputError

LARGEST = 64 << 20
"""Bytes of a file that still goes to MLflow; larger ones stay in the storage alone."""


class VariantRecords:
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

    def open(self, request: VariantRequest, shards: Shards, tags: Mapping[str, str]) -> None:
        """Open the run, or the one that is there."""
        params = {name: value for name, value in request.settings.items() if value is not None}
        sources = request.options.data or request.options.saturate
        self._tracker.run(
            self._run,
            name=f"{KIND} {shards.key[:6]}",
            params={
                **params,
                "shifts": " ".join(map(str, request.settings["shifts"])),
                "num_variants": shards.num_rows,
                "shard_size": shards.shard_size,
            },
            tags={
                **package_versions(),
                **tags,
                "stage": KIND,
                "command": command(),
                "artefact_key": shards.key,
                KIND: shards.place,
            },
            inputs=[
                DatasetInput(
                    name=f"variants-{shards.key[:8]}",
                    digest=shards.key,
                    source=" ".join(sources),
                    context="scored",
                )
            ],
        )

    def throughput(self, num_rows: int, seconds: float, num_actors: int) -> None:
        """Record how fast this start of the job was, if it computed anything."""
        if num_rows and seconds > 0:
            rate = {"variants_per_second": num_rows / seconds, "num_actors": num_actors}
            self._tracker.metrics(self._run, rate, step=num_rows)

    def finish(self, facts: Mapping[str, Any], note: str, files: list[Path]) -> None:
        """Record what the job came to, and its files."""
        self._tracker.metrics(self._run, {n: float(v) for n, v in facts.items()}, step=0)
        self._tracker.tags(self._run, {NOTE_TAG: note})
        for path in files:
            if path.stat().st_size <= LARGEST:
                self._tracker.artifact(self._run, path, KIND)

    def end(self, error: BaseException | None = None) -> None:
        """Close the run."""
        stopped = isinstance(error, KeyboardInterrupt)
        status = "FINISHED" if error is None else ("KILLED" if stopped else "FAILED")
        self._tracker.end(self._run, status)  # type: ignore[arg-type]


@contextmanager
def recorded(
    request: VariantRequest, shards: Shards, console: Console
) -> Iterator[VariantRecords]:
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
        records = VariantRecords(tracker, shards.key)
        records.open(request, shards, parent.parent_tags if parent else {})
        try:
            yield records
        except BaseException as error:
            records.end(error)
            raise
        records.end()
