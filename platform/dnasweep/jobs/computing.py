"""Compute only the missing shards of jobs, then close each job."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.markup import escape

from dnasweep.jobs.executor import Executor, Missing
from dnasweep.jobs.options import JobOptions
from dnasweep.jobs.shards.progress import ShardProgress
from dnasweep.jobs.shards.store import Shards
from dnasweep.jobs.shards.worker import ShardJobSpec
from dnasweep.progress import duration, rate
from dnasweep.storage import LockLost


class JobOutcome(NamedTuple):
    """Statistics of one run of a job."""

    num_rows: int
    """Number of rows computed by this run."""
    seconds: float
    """Time from the first row, when workers and model are ready, to the last stored shard. For jobs
    computed together, this job's share of the time."""
    num_actors: int
    """Number of workers; 0 if nothing was missing."""


def compute_missing(
    specs: Sequence[ShardJobSpec],
    options: JobOptions,
    console: Console,
    *,
    executor: Executor,
    title: str,
    unit: str,
) -> list[JobOutcome]:
    """Compute the missing shards of several jobs together; afterwards no shard is missing.

    Parameters
    ----------
    specs
        Jobs, and the functions that compute them.
    options
        Resources that may be used.
    console
        Console for progress.
    executor
        Executor of the computation.
    title, unit
        Activity and rows for the progress display, such as `explaining` and `sequences`.

    Raises
    ------
    InputError
        If a worker raised it, or if there is no room for the workers. Stored shards are kept.
    KeyboardInterrupt
        On Ctrl-C, after printing how far the work has come.
    """
    # A job may be requested twice, such as attributions for two names of one model.
    unique = list({(spec.kind, spec.key): spec for spec in specs}.values())
    jobs = [spec.shards() for spec in unique]
    with contextlib.ExitStack() as held:
        for job in sorted(jobs, key=lambda job: job.key):
            held.enter_context(_alone(job, console))
            job.clear_damaged()
        shards = [(number, shard) for number, job in enumerate(jobs) for shard in job.missing()]
        outcomes = [JobOutcome(0, 0.0, 0)] * len(jobs)
        if shards:
            missing = Missing(unique, jobs, shards)
            outcomes = _compute(missing, options, console, executor, title=title, unit=unit)
    found = {job.key: outcome for job, outcome in zip(jobs, outcomes, strict=True)}
    return [found[spec.key] for spec in specs]


def close(
    shards: Shards, facts_of: Callable[[dict[str, float]], dict[str, Any]]
) -> dict[str, Any]:
    """Close a job whose shards are all finished, once, and return its facts.

    Parameters
    ----------
    shards
        Shards of the job.
    facts_of
        Function that computes the job's facts from sums over its shards (maxima for facts named `max_...`).

    Raises
    ------
    RuntimeError
        If a shard is missing.
    """
    if (manifest := shards.finished()) is not None:
        return dict(manifest["facts"])
    total: dict[str, float] = {}
    for _, manifest in shards.manifests():
        for name, value in manifest["facts"].items():
            so_far = total.get(name, 0)
            total[name] = max(so_far, value) if name.startswith("max_") else so_far + value
    facts = facts_of(total)
    shards.finish(facts)
    return facts


def _compute(
    missing: Missing,
    options: JobOptions,
    console: Console,
    executor: Executor,
    *,
    title: str,
    unit: str,
) -> list[JobOutcome]:
    jobs = missing.jobs
    total = sum(job.num_rows for job in jobs)
    left = sum(jobs[number].size(shard) for number, shard in missing.shards)
    computed, taken = [0] * len(jobs), [0.0] * len(jobs)
    begun = False
    try:
        with executor.open(missing, options, console, unit=unit) as pool:
            progress = ShardProgress(
                console, title, unit=unit, total=total, done=total - left, running=pool.running
            )
            begun, started, stream = True, time.monotonic(), pool.compute()
            with progress.running(), contextlib.closing(stream):
                for one in stream:
                    num_rows = jobs[one.job].size(one.shard)
                    progress.finish((one.job, one.shard), num_rows)
                    computed[one.job] += num_rows * one.computed
                    taken[one.job] += one.seconds
            seconds = progress.seconds or time.monotonic() - started
    except BaseException as error:
        # Which shards exist is certain only now that the workers have stopped.
        if begun:
            _say_how_far(console, jobs, unit, error)
        raise
    console.print(
        f"[bold]{title}[/] {sum(computed):,} {unit} in {duration(seconds)}, "
        f"{rate(sum(computed) / seconds)} a second"
    )
    shares = [one / (sum(taken) or 1.0) for one in taken] if len(jobs) > 1 else [1.0]
    missed = {number for number, _ in missing.shards}
    return [
        JobOutcome(num_rows, seconds * share, pool.num_workers if number in missed else 0)
        for number, (num_rows, share) in enumerate(zip(computed, shares, strict=True))
    ]


@contextlib.contextmanager
def _alone(job: Shards, console: Console) -> Iterator[None]:
    """Lock the job: a second command for the same job waits and then finds everything finished."""
    lock = job.storage.lock(job.kind, job.key)
    with lock.held(console.status("waiting for another command that computes the same")):
        # A killed run leaves half-written shards behind; the lock ensures that nobody else is writing.
        job.storage.clear_abandoned(job.part_kind)
        yield
        with contextlib.suppress(LockLost):
            lock.confirm()
            job.storage.clear_abandoned(job.part_kind)


def _say_how_far(
    console: Console, jobs: Sequence[Shards], unit: str, error: BaseException
) -> None:
    what = "Stopped" if isinstance(error, KeyboardInterrupt) else "Ended"
    total = sum(job.num_rows for job in jobs)
    done = total - sum(job.size(shard) for job in jobs for shard in job.missing())
    first = jobs[0]
    uri = first.uri if len(jobs) == 1 else first.storage.uri_of(first.kind)
    console.print(
        f"[yellow]{what} after {done:,} of {total:,} {unit}; they are kept in "
        f"{escape(uri)}, and the same command resumes from there.[/]",
        soft_wrap=True,
    )
