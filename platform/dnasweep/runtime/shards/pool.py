"""Computation of missing shards by a pool of Ray Data actors.

The dataset contains only the numbers of the missing shards; an actor reads the rows of a shard
from the work list, computes them and publishes the result itself. The driver and the object store
therefore need only a few bytes per shard, the death of an actor loses only its current shard, and
Ray may run a shard again without duplicate results.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import ray
from rich.console import Console

from dnasweep.errors import InputError
from dnasweep.jobs.executor import Executor, Missing, WorkerPool
from dnasweep.jobs.options import JobOptions
from dnasweep.jobs.shards.worker import PublishedShard, ShardJobSpec
from dnasweep.models.encoder.precision import ResolvePrecision
from dnasweep.runtime.cluster.placement import Resources, num_fitting
from dnasweep.runtime.cluster.session import resolve_precision
from dnasweep.runtime.preflight.preflight import Requirements, checked_session
from dnasweep.runtime.ray_data import configure, streamed
from dnasweep.runtime.shards.actor import ShardActor, make_status_actor
from dnasweep.runtime.training.failures import result_of

_HARMLESS = (
    # They are owned by the driver, which the actors do not outlive.
    b"has constructor arguments in the object store",
    # This package cancels them when the work is stopped.
    b"because it was killed by `ray.kill`",
)
_MAX_ACTORS = 1000
_LAST_LINES_S = 5.0
"""Maximum seconds to wait for the last lines of other processes."""


class Pool(NamedTuple):
    """The number of actors and the resources of each."""

    num_actors: int
    """Number of actors at the same time, including those waiting for machines of an autoscaler."""
    gpus_per_actor: float
    """GPUs of each actor; 0 means computation on a CPU."""
    most: int
    """Maximum number of actors at the same time if machines join."""

    @property
    def device(self) -> str:
        """Device of an actor: `cpu` or `cuda`."""
        return "cuda" if self.gpus_per_actor else "cpu"

    def __str__(self) -> str:
        gpus = f" and {self.gpus_per_actor:g} GPU" if self.gpus_per_actor else ""
        return f"{self.num_actors} actor{'s' * (self.num_actors != 1)} of 1 CPU{gpus}"


class RayPool(Executor):
    """Computes shards on Ray: on the requested cluster, else on this machine."""

    resolve_precision: ResolvePrecision = staticmethod(resolve_precision)

    @contextlib.contextmanager
    def open(
        self, missing: Missing, options: JobOptions, console: Console, *, unit: str
    ) -> Iterator[WorkerPool]:
        requirements = None
        if options.preflight:
            # MLflow is not required: records wait until it answers.
            requirements = Requirements(
                storage=missing.jobs[0].storage,
                workers=options.num_actors or 1,
                gpus_per_worker=options.gpus_per_actor,
                grouped=False,
            )
        with contextlib.ExitStack() as stack:
            with console.status("starting Ray"):
                resources = stack.enter_context(
                    checked_session(options.address, requirements, console)
                )
            pool = allot_pool(
                resources,
                num_shards=len(missing.shards),
                num_actors=options.num_actors,
                gpus_per_actor=options.gpus_per_actor,
            )
            console.print(f"[dim]Ray: {resources}; {pool}, {missing}[/]")
            specs = [replace(spec, device=pool.device) for spec in missing.specs]
            with console.status(f"trying the first of the {unit}"):
                smoke_test(specs, pool, sorted({job for job, _ in missing.shards}))
            status = make_status_actor()
            yield WorkerPool(
                pool.num_actors,
                running=lambda: ray.get(status.read.remote(), timeout=2),
                compute=lambda: compute_shards(specs, pool, missing.shards, status=status),
            )


def allot_pool(
    resources: Resources,
    *,
    num_shards: int,
    num_actors: int | None = None,
    gpus_per_actor: float | None = None,
) -> Pool:
    """Return the pool: by default one actor per GPU or, without GPUs, one per CPU.

    Parameters
    ----------
    resources
        Resources of the cluster.
    num_shards
        Number of shards to compute, which limits the number of actors.
    num_actors, gpus_per_actor
        Requested number of actors, and GPUs per actor.

    Raises
    ------
    InputError
        If the requested actors can never all run.
    """
    most = resources.grown(at_most=num_shards)
    gpus = (1.0 if most.gpus else 0.0) if gpus_per_actor is None else gpus_per_actor
    if gpus < 0 or (num_actors is not None and num_actors < 1):
        raise InputError(
            f"num_actors is {num_actors} and gpus_per_actor {gpus:g}",
            remedy="Use at least 1 actor and no negative number of GPUs.",
        )
    fitting = num_fitting(most.each, cpus=1, gpus=gpus)
    asked = fitting if num_actors is None else num_actors
    if not 1 <= asked <= fitting:
        raise InputError(
            f"{max(asked, 1)} x (1 CPU, {gpus:g} GPU) is requested, but the cluster has {resources}: "
            "it could never start",
            remedy="Lower --num-actors or --gpus-per-actor.",
        )
    useful = max(1, num_shards)
    size = min(asked, useful)
    return Pool(size, gpus, size if num_actors is not None else min(useful, _MAX_ACTORS))


def smoke_test(specs: Sequence[ShardJobSpec], pool: Pool, jobs: Sequence[int]) -> None:
    """Let one worker of each job process its first row as a test, with the resources of an actor.

    Parameters
    ----------
    specs
        The jobs.
    pool
        Pool of actors.
    jobs
        Numbers of the jobs to try.

    Raises
    ------
    InputError
        The error found by a worker.
    """
    task = ray.remote(_smoke_test).options(num_cpus=1, num_gpus=pool.gpus_per_actor)
    result_of(task.remote(specs, jobs))


def _smoke_test(specs: Sequence[ShardJobSpec], jobs: Sequence[int]) -> None:
    actor = ShardActor(specs, status=None)
    for job in jobs:
        actor.smoke_test(job)


def compute_shards(
    specs: Sequence[ShardJobSpec],
    pool: Pool,
    shards: Sequence[tuple[int, int]],
    *,
    status: Any,
) -> Generator[PublishedShard, None, None]:
    """Compute shards and yield each when it is published, in order of completion.

    Parameters
    ----------
    specs
        The jobs, for the device of the pool.
    pool
        Pool of actors.
    shards
        Job number and shard number of each shard.
    status
        Status actor returned by :func:`~dnasweep.runtime.shards.actor.make_status_actor`.

    Raises
    ------
    InputError
        The error of a worker; shards published before are kept.
    """
    import ray.data

    context = configure()
    # If all actors are busy, check whether there is room for more.
    context.autoscaling_config.actor_pool_util_upscaling_threshold = 1.0
    # The dataset is in memory with one block per shard: there are no read tasks, which would wait
    # for ever for a CPU if the actors use all of them, and Ray assigns and repeats shards
    # individually.
    items = [{"job": job, "shard": shard} for job, shard in shards]
    dataset = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        ShardActor,
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(
            min_size=pool.num_actors, max_size=pool.most, max_tasks_in_flight_per_actor=1
        ),
        fn_constructor_kwargs={"specs": list(specs), "status": status},
        num_cpus=1,
        num_gpus=pool.gpus_per_actor or None,
    )
    with _without_lines(_HARMLESS), streamed(dataset) as rows:
        for row in rows:
            yield PublishedShard(**row)


@contextlib.contextmanager
def _without_lines(texts: Sequence[bytes]) -> Iterator[None]:
    """Keep lines from Ray that contain one of `texts` out of the terminal."""
    terminal, (end, begin) = os.dup(2), os.pipe()

    def pass_on() -> None:
        with os.fdopen(end, "rb") as lines:
            for line in lines:
                if not any(text in line for text in texts):
                    os.write(terminal, line)
        os.close(terminal)

    thread = threading.Thread(target=pass_on, daemon=True)
    thread.start()
    os.dup2(begin, 2)
    os.close(begin)
    try:
        yield
    finally:
        # This closes the last write end of the pipe, and thereby ends the thread, unless a process
        # that was started in the block still has one.
        os.dup2(terminal, 2)
        thread.join(_LAST_LINES_S)
