"""Missing shards computed by a pool of Ray Data actors.

The dataset holds the numbers of the missing shards and nothing else; an actor reads the rows of a
shard from the work list, computes them and publishes the result itself. So the driver and the
object store hold a few bytes a shard, an actor that dies costs the shard it was at, and Ray may
run a shard again without anything appearing twice.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import ray

from dnasweep.errors import InputError
from dnasweep.runtime.cluster.placement import Resources, num_fitting
from dnasweep.runtime.shards.worker import ShardActor, ShardJobSpec

_HARMLESS = (
    # Their owner is the driver, which the actors do not outlive anyway.
    b"has constructor arguments in the object store",
    # By us, when the work is stopped.
    b"because it was killed by `ray.kill`",
)
_MAX_ACTORS = 1000


class Pool(NamedTuple):
    """Actors and what each of them takes."""

    num_actors: int
    """Actors at once, those included that wait for a machine of an autoscaler."""
    gpus_per_actor: float
    """GPUs of each; 0 computes on a CPU."""
    most: int
    """Actors at once should machines join."""

    def __str__(self) -> str:
        gpus = f" and {self.gpus_per_actor:g} GPU" if self.gpus_per_actor else ""
        return f"{self.num_actors} actor{'s' * (self.num_actors != 1)} of 1 CPU{gpus}"


class PublishedShard(NamedTuple):
    """One shard that is published."""

    shard: int
    """Its number."""
    num_rows: int
    """Its rows."""
    computed: bool
    """Whether this run computed it; False where another one was faster."""


def allot_pool(
    resources: Resources,
    *,
    num_shards: int,
    num_actors: int | None = None,
    gpus_per_actor: float | None = None,
) -> Pool:
    """Return the pool: unless told otherwise an actor a GPU, and without GPUs an actor a CPU.

    Raises
    ------
    InputError
        When the actors asked for can never all run.
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
            f"{max(asked, 1)} x (1 CPU, {gpus:g} GPU) is asked for, the cluster has {resources}: "
            "it could never start",
            remedy="Lower --num-actors or --gpus-per-actor.",
        )
    useful = max(1, num_shards)
    size = min(asked, useful)
    return Pool(size, gpus, size if num_actors is not None else min(useful, _MAX_ACTORS))


def smoke_test(order: ShardJobSpec, pool: Pool) -> None:
    """Let one worker try the first row where and as the pool will work.

    Raises
    ------
    InputError
        What the worker found wrong.
    """
    order = _placed(order, pool)
    task = ray.remote(_rehearse).options(num_cpus=1, num_gpus=pool.gpus_per_actor)
    try:
        ray.get(task.remote(order))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, InputError):
            raise error.cause from None
        raise


def _rehearse(order: ShardJobSpec) -> None:
    order.make_worker().smoke_test(order.shards().rows(0).slice(0, 1))


def compute_shards(
    order: ShardJobSpec, pool: Pool, missing: Sequence[int], *, ledger: Any
) -> Generator[PublishedShard, None, None]:
    """Compute shards and yield each when it is published, in the order they end.

    Raises
    ------
    InputError
        What a worker raised; shards published before stay.
    """
    import ray.data

    for logger in ("ray.data", "ray.data._internal"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = False
    # A tolerated block would be dropped without a word.
    context.max_errored_blocks = 0
    # Actors that all work are a reason to look whether there is room for more.
    context.autoscaling_config.actor_pool_util_upscaling_threshold = 1.0
    # In memory and a block a shard: no read tasks, which would wait for ever for a CPU where the
    # actors hold all of them, and Ray hands out and repeats shards one by one.
    numbers = [{"shard": shard} for shard in missing]
    dataset = ray.data.from_items(numbers, override_num_blocks=len(numbers)).map_batches(
        ShardActor,
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(
            min_size=pool.num_actors, max_size=pool.most, max_tasks_in_flight_per_actor=1
        ),
        fn_constructor_kwargs={"order": _placed(order, pool), "ledger": ledger},
        num_cpus=1,
        num_gpus=pool.gpus_per_actor or None,
    )
    shards = order.shards()
    batches: Any = iter(
        dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
    )
    # Left to the garbage collector it would end after Ray itself, and start Ray once more.
    with _without_lines(_HARMLESS), contextlib.closing(batches):
        for batch in batches:
            for row in batch.to_pylist():
                if row["error"]:
                    reason, file, at, remedy = json.loads(row["error"])
                    raise InputError(reason, file=file, row=at, remedy=remedy)
                yield PublishedShard(row["shard"], shards.size(row["shard"]), row["computed"])


def _placed(order: ShardJobSpec, pool: Pool) -> ShardJobSpec:
    return replace(order, device="cuda" if pool.gpus_per_actor else "cpu")


@contextlib.contextmanager
def _without_lines(texts: Sequence[bytes]) -> Iterator[None]:
    """Keep lines of Ray's with one of `texts`, which no setting silences, out of the terminal."""
    terminal, (end, begin) = os.dup(2), os.pipe()

    def pass_on() -> None:
        with os.fdopen(end, "rb") as lines:
            for line in lines:
                if not any(text in line for text in texts):
                    os.write(terminal, line)

    thread = threading.Thread(target=pass_on, daemon=True)
    thread.start()
    os.dup2(begin, 2)
    os.close(begin)
    try:
        yield
    finally:
        # Closes the last way into the pipe, and so ends the thread.
        os.dup2(terminal, 2)
        thread.join(timeout=5)
        os.close(terminal)
