"""How every job runs: announce, start, compute shard by shard, record, publish.

The order is always the same: all input is read, checked and turned into a request; the missing shards
are computed; the job is closed; its files are written. Every step first looks for existing results, so
the same command resumes after an interruption and, once everything is finished, only reads.

Each kind of job is a subclass of :class:`Job` that defines only what differs. Nothing here depends on Ray.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from rich.console import Console
from rich.markup import escape

from dnasweep.errors import InputError
from dnasweep.formats.paths import user_path
from dnasweep.jobs.computing import close, compute_missing
from dnasweep.jobs.executor import Executor
from dnasweep.jobs.messages import mlflow_lines, say, warn
from dnasweep.jobs.options import JobOptions
from dnasweep.jobs.records import RunMetadata, recorded
from dnasweep.jobs.request import JobRequest
from dnasweep.jobs.shards.store import Shards
from dnasweep.jobs.shards.worker import ShardJobSpec
from dnasweep.stages import models
from dnasweep.storage import MANIFEST
from dnasweep.storage.output_folder import check_folder, publish_files
from dnasweep.tracking.tracker import DatasetInput

Request = TypeVar("Request", bound=JobRequest[Any])
NOT_STARTED = "Nothing was started: leave out --dry-run to run it."


@dataclass(frozen=True, kw_only=True)
class JobFiles:
    """The files that a job makes of its shards for users."""

    folder: Path | None = None
    """Folder of the files, if there is one."""
    files: Sequence[Path] = ()
    """The files, which are copied to MLflow and to --out."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Further numbers for MLflow, in addition to the facts."""
    note: str = ""
    """Description of the job in a sentence or two of Markdown."""
    summary: Any = None
    """Data for the closing lines."""


class FinishedJob(NamedTuple):
    """A job whose shards are all finished."""

    request: Any
    """Its request, of the kind of job."""
    shards: Shards
    """Its shards."""
    facts: dict[str, Any]
    """Sums over the shards."""
    made: JobFiles
    """The files made of the shards."""


class Job(ABC, Generic[Request]):
    """A kind of job: the parts in which it differs from other kinds."""

    worker: ClassVar[str]
    """Class that computes a shard, as `module:Class`."""
    title: ClassVar[str]
    """Activity shown in the progress display, such as `explaining`."""
    unit: ClassVar[str]
    """Name of the rows of the work list, in the plural."""
    row: ClassVar[str] = ""
    """A more detailed name of the rows, for messages; empty: the same."""
    context: ClassVar[str] = ""
    """Kind of job for MLflow; empty: nothing is recorded."""
    artifacts: ClassVar[str] = ""
    """Folder for the files in MLflow."""
    sometimes: ClassVar[Sequence[str]] = ()
    """Patterns of files that only some requests produce."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.kind = request.KIND

    def arguments(self) -> dict[str, Any]:
        """Return the worker's arguments, serialisable as JSON: location of the model, and settings."""
        request = self.request
        return {
            "storage": request.storage.root,
            "kind": models.KIND,
            "key": request.settings["model"],
            "settings": request.settings,
        }

    @abstractmethod
    def facts(self, total: dict[str, float]) -> dict[str, Any]:
        """Return the facts of the job from the sums over its shards (maxima for `max_...`)."""

    def announcement(self) -> list[str]:
        """Return the lines printed before the job starts, in console markup."""
        return []

    def sources(self) -> Sequence[str]:
        """Return the sources of the rows."""
        return ()

    def write(self, shards: Shards, facts: dict[str, Any], console: Console) -> JobFiles:
        """Write the files of the job unless they exist.

        Parameters
        ----------
        shards
            Shards of the job, all of them finished.
        facts
            Facts returned by :meth:`facts`.
        console
            Console for progress and results.
        """
        return JobFiles()

    def closing(self, finished: FinishedJob, files: Sequence[Path]) -> list[str]:
        """Return the lines printed at the end, in console markup; `files` are the copies, if any."""
        return []

    def begin(self, console: Console) -> Shards:
        """Write the work list of the job, or open the existing one."""
        request = self.request
        return Shards.begin(
            request.storage,
            kind=self.kind,
            inputs=request.settings,
            rows=request.rows,
            shard_size=request.shard_size,
        )

    def check_output(self) -> None:
        """Raise `InputError` if the files cannot be written to the requested folder."""
        if (out := getattr(self.request.options, "out", None)) is not None:
            check_folder(user_path(out))

    def publish(self, made: JobFiles) -> Sequence[Path]:
        """Copy the files to the requested folder, and return the copies."""
        if (out := getattr(self.request.options, "out", None)) is None:
            return made.files
        return publish_files(made.files, user_path(out), job=self.kind, sometimes=self.sometimes)


def run_job(job: Job[Any], console: Console, *, executor: Executor) -> FinishedJob | None:
    """Run a job and print its progress; return None after a dry run.

    Parameters
    ----------
    job
        The job, with a checked request.
    console
        Console for progress and results.
    executor
        Executor that computes the missing shards.

    Raises
    ------
    InputError
        For any problem that the user can fix, before the first row is computed if it can be detected by then.
    """
    request = job.request
    if lines := job.announcement():
        say(lines, console)
    warn(request.warning, console)
    if request.options.dry_run:
        say(_plan(job), console)
        return None
    job.check_output()
    (finished,) = run_together([job], request.options, console, executor=executor)
    lines = job.closing(finished, job.publish(finished.made))
    if job.context:
        lines += mlflow_lines(request.uri)
    say(lines, console)
    return finished


def run_together(
    jobs: Sequence[Job[Any]], options: JobOptions, console: Console, *, executor: Executor
) -> list[FinishedJob]:
    """Compute the missing shards of several jobs of one kind with the same workers, and finish each job.

    Parameters
    ----------
    jobs
        The jobs.
    options
        Resources that may be used.
    console
        Console for progress and results.
    executor
        Executor that computes the missing shards.
    """
    begun = [job.begin(console) for job in jobs]
    first = jobs[0]
    with contextlib.ExitStack() as stack:
        records = [
            stack.enter_context(recorded(metadata_of(job, shards), shards.storage, console))
            if job.context
            else None
            for job, shards in zip(jobs, begun, strict=True)
        ]
        outcomes = compute_missing(
            [_spec(job, shards) for job, shards in zip(jobs, begun, strict=True)],
            options,
            console,
            executor=executor,
            title=first.title,
            unit=first.row or first.unit,
        )
        finished = []
        for job, shards, record, outcome in zip(jobs, begun, records, outcomes, strict=True):
            facts = close(shards, job.facts)
            if record is not None:
                record.throughput(outcome, job.unit)
            made = job.write(shards, facts, console)
            if record is not None:
                record.finish({**facts, **made.metrics}, made.note, made.files)
            finished.append(FinishedJob(job.request, shards, facts, made))
    return finished


def files_in(folder: Path) -> list[Path]:
    """Return the files of a stored folder, except its manifest."""
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)


def _plan(job: Job[Any]) -> list[str]:
    request = job.request
    try:
        shards = Shards.open(request.storage, job.kind, request.key)
        size, done = shards.shard_size, len(shards) - len(shards.missing())
    except InputError:
        size, done = request.shard_size, 0
    number = -(-len(request.rows) // size)
    return [
        f"[bold]plan[/] {number:,} shards of {size} {job.row or job.unit} ({done:,} done before)",
        f"[bold]place[/] {escape(request.storage.uri_of(job.kind, request.key))}",
        NOT_STARTED,
    ]


def _spec(job: Job[Any], shards: Shards) -> ShardJobSpec:
    return ShardJobSpec(
        storage=shards.storage.root,
        kind=shards.kind,
        key=shards.key,
        worker=job.worker,
        arguments=job.arguments(),
    )


def metadata_of(job: Job[Any], shards: Shards) -> RunMetadata:
    """Return the metadata that MLflow gets before anything is computed."""
    settings = job.request.settings
    named = [shards.kind, str(settings.get("target") or ""), shards.key[:6]]
    data = DatasetInput(
        name=f"{job.unit}-{shards.key[:8]}",
        digest=shards.key,
        source=" ".join(job.sources()),
        context=job.context,
    )
    return RunMetadata(
        uri=job.request.uri,
        model=job.request.options.model,
        stage=shards.kind,
        key=shards.key,
        name=" ".join(filter(None, named)),
        params={**settings, f"num_{job.unit}": shards.num_rows, "shard_size": shards.shard_size},
        tags={shards.kind: shards.uri},
        inputs=[data],
        folder=job.artifacts,
    )
