"""The driver of a job of shards: what is missing is computed, and nothing else."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import ray
from filelock import Timeout
from rich.console import Console
from rich.markup import escape

from dnasweep.jobs.shards.begun import clear_damaged
from dnasweep.jobs.shards.progress import ShardProgress, duration
from dnasweep.jobs.shards.shards import Shards
from dnasweep.runtime.preflight.preflight import Requirements, checked_session
from dnasweep.runtime.shards.pool import allot_pool, compute_shards, smoke_test
from dnasweep.runtime.shards.worker import ShardJobSpec, make_status_actor
from dnasweep.storage import Storage


@dataclass(frozen=True, kw_only=True)
class JobResources:
    """What a job may use; nothing in here changes a result."""

    address: str | None = None
    """Ray cluster to join; None: RAY_ADDRESS, else this machine."""
    num_actors: int | None = None
    """Actors at once; None: as many as fit."""
    gpus_per_actor: float | None = None
    """GPUs of an actor; None: one where there are any."""
    preflight: bool = True
    """Whether to look at every node of a cluster first."""

    @classmethod
    def of(cls, options: Any) -> JobResources:
        """Return the means of a job's options, which have these names."""
        return cls(**{field.name: getattr(options, field.name) for field in fields(cls)})

    def terms(self, storage: Storage) -> Requirements | None:
        """Return what is needed of the nodes; records for MLflow wait where it does not answer."""
        if not self.preflight:
            return None
        return Requirements(
            storage=storage,
            workers=self.num_actors or 1,
            gpus_per_worker=self.gpus_per_actor,
            grouped=False,
        )


class JobOutcome(NamedTuple):
    """What one run of a job did."""

    num_rows: int
    """Rows it computed."""
    seconds: float
    """From the first row begun, when actors and model are ready, to the last shard published."""
    num_actors: int
    """Actors it had; 0 where nothing was missing."""


def run_shards(
    shards: Shards,
    order: ShardJobSpec,
    means: JobResources,
    console: Console,
    *,
    title: str,
    unit: str,
) -> JobOutcome:
    """Compute the missing shards of a job; none is missing when this returns.

    Parameters
    ----------
    order
        Who computes them.
    title, unit
        For the progress display: `explaining`, `sequences`.

    Raises
    ------
    InputError
        What a worker raised, or when the cluster cannot hold the actors. Published shards stay.
    KeyboardInterrupt
        On Ctrl-C, after saying how far it came.
    """
    with _alone(shards, console):
        clear_damaged(shards.storage, shards.part_kind, shards.published())
        missing = shards.missing()
        if not missing:
            return JobOutcome(0, 0.0, 0)
        left = sum(map(shards.size, missing))
        begun, started, computed = False, time.monotonic(), 0
        try:
            with contextlib.ExitStack() as stack:
                with console.status("starting Ray"):
                    terms = means.terms(shards.storage)
                    resources = stack.enter_context(checked_session(means.address, terms, console))
                pool = allot_pool(
                    resources,
                    num_shards=len(missing),
                    num_actors=means.num_actors,
                    gpus_per_actor=means.gpus_per_actor,
                )
                console.print(
                    f"[dim]Ray: {resources}; {pool}, {len(missing):,} of {len(shards):,} shards "
                    f"of {shards.shard_size} to compute[/]"
                )
                with console.status("trying the first of the " + unit):
                    smoke_test(order, pool)
                ledger = make_status_actor()
                progress = ShardProgress(
                    console,
                    title,
                    unit=unit,
                    total=shards.num_rows,
                    done=shards.num_rows - left,
                    running=lambda: ray.get(ledger.read.remote(), timeout=2),
                )
                begun, started = True, time.monotonic()
                stream = compute_shards(order, pool, missing, ledger=ledger)
                with progress.running(), contextlib.closing(stream):
                    for done in stream:
                        progress.finish(done.shard, done.num_rows)
                        computed += done.num_rows * done.computed
                seconds = progress.seconds or time.monotonic() - started
        except BaseException as error:
            # Only now that the actors are gone is it certain which shards are there.
            if begun:
                _say_how_far(console, shards, unit, error)
            raise
        console.print(
            f"[bold]{title}[/] {computed:,} {unit} in {duration(seconds)}, "
            f"{computed / seconds:.3g} a second"
        )
        return JobOutcome(computed, seconds, pool.num_actors)


@contextlib.contextmanager
def _alone(shards: Shards, console: Console) -> Iterator[None]:
    """Hold the job: a second command for the same job waits and then finds all done."""
    lock = shards.storage.lock(shards.kind, shards.key)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        with console.status("waiting for another command that computes the same"):
            lock.acquire()
    try:
        # A killed run leaves half-written shards behind; whoever holds the lock is alone.
        shards.storage.clear_abandoned(shards.part_kind)
        yield
        shards.storage.clear_abandoned(shards.part_kind)
    finally:
        lock.release()


def _say_how_far(console: Console, shards: Shards, unit: str, error: BaseException) -> None:
    what = "Stopped" if isinstance(error, KeyboardInterrupt) else "Ended"
    done = shards.num_rows - sum(map(shards.size, shards.missing()))
    console.print(
        f"[yellow]{what} with {done:,} of {shards.num_rows:,} {unit} done; they are kept in "
        f"{escape(shards.place)}, and the same command goes on from there.[/]",
        soft_wrap=True,
    )
