"""Overhead of a batch job with many shards: one number of shards, in this process.

The bookkeeping is that of `Shards` in a folder. Up to `pooled` shards also go through the real pool of
Ray Data actors, and the same number of blocks through Ray Data alone.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
from dnasweep.jobs.computing import compute_missing
from dnasweep.jobs.options import JobOptions
from dnasweep.jobs.shards.manifests import name
from dnasweep.jobs.shards.progress import ShardProgress
from dnasweep.jobs.shards.store import Shards
from dnasweep.jobs.shards.worker import ShardJobSpec
from dnasweep.runtime.shards.pool import RayPool
from dnasweep.storage import MANIFEST, Storage
from idle import PlainActor
from rich.console import Console
from scale_trials import logical_cluster, peak_bytes
from stopwatch import Stopwatch

KIND = "idle"
SEQUENCE = "ACGT" * 75
SAMPLE = 1000
"""Maximum number of shards that are actually read and published; the seconds are per shard."""
PER_LINK = 30_000
"""Hard links to one file, fewer than any file system allows."""
PLAIN, POOL = "Ray Data alone", "pool of actors"


def work_list(number: int) -> pa.Table:
    """Return `number` rows, one for each shard."""
    return pa.table(
        {
            "id": pa.array((f"row-{i}" for i in range(number)), pa.large_string()),
            "sequence": pa.array([SEQUENCE] * number, pa.large_string()),
        }
    )


def fill(shards: Shards, first: int) -> None:
    """Publish all shards from `first` on by their manifest alone, which is all that listing reads."""
    folder = shards.storage.local / shards.part_kind
    source = (folder / name(0) / MANIFEST).read_bytes()
    linked = Path()
    for shard in range(first, len(shards)):
        (folder / name(shard)).mkdir()
        manifest = folder / name(shard) / MANIFEST
        if (shard - first) % PER_LINK == 0:
            linked = manifest
            manifest.write_bytes(source)
        else:
            os.link(linked, manifest)


def measure(number: int, folder: Path, *, pooled: int, nodes: int, cpus: int) -> dict[str, Any]:
    """Do the bookkeeping of a job of `number` shards; return seconds per shard by part, and memory."""
    watch, before = Stopwatch(), peak_bytes()
    storage, rows = Storage(folder / "runs"), work_list(number)
    with watch.part("begin"):
        shards = Shards.begin(storage, kind=KIND, inputs={}, rows=rows, shard_size=1)
    del rows
    sample = min(number, SAMPLE)
    with watch.part("list, none there"):
        missing = shards.missing()
    each: dict[str, float] = {}
    with watch.part("read rows"):
        read = [shards.rows(shard) for shard in missing[:: -(-number // sample)]]
    each["read rows"] = 1 / len(read)
    with watch.part("publish"):
        for shard in range(sample):
            shards.publish(shard, {"rows": read[0]}, {"seconds": 0.0})
    each["publish"] = 1 / sample
    fill(shards, sample)
    with watch.part("list, all there"):
        there = shards.published()
    with watch.part("manifests"):
        counted = sum(manifest["facts"]["num_rows"] for _, manifest in shards.manifests())
    with watch.part("finish"):
        shards.finish({})
    with open(os.devnull, "w") as screen:
        progress = ShardProgress(
            Console(file=screen, force_terminal=True),
            "idling",
            unit="rows",
            total=number,
            done=0,
            running=lambda: ({0: 0}, 1.0),
        )
        with watch.part("progress"):
            for shard in range(sample):
                progress.finish(shard, 1)
    each["progress"] = 1 / sample
    if len(missing) != number or len(there) != number or counted != number:
        raise SystemExit(
            f"{number} shards: {len(missing)} missing, {len(there)} there, {counted} rows"
        )
    facts = {"shards": number, "bytes_before": before, "bytes": peak_bytes()}
    if number <= pooled:
        with logical_cluster(nodes, cpus) as address:
            run_pool(number, folder / "pool", address, watch)
    # There are as many folders as shards, and removing them takes a while.
    for name_of_folder in ("runs", "pool"):
        shutil.rmtree(folder / name_of_folder, ignore_errors=True)
    return {
        **facts,
        "bytes_with_pool": peak_bytes(),
        "seconds_each": {part: s * each.get(part, 1 / number) for part, s in watch.clock.items()},
        "processor_seconds_each": {
            part: s * each.get(part, 1 / number) for part, s in watch.processor.items()
        },
    }


def run_pool(number: int, folder: Path, address: str, watch: Stopwatch) -> None:
    """Run shards that take no time through the pool, and as many blocks by Ray Data alone."""
    shards = Shards.begin(
        Storage(folder), kind=KIND, inputs={}, rows=work_list(number), shard_size=1
    )
    spec = ShardJobSpec(
        storage=str(folder), kind=KIND, key=shards.key, worker="idle:IdleShards", arguments={}
    )
    with open(os.devnull, "w") as screen:
        console = Console(file=screen, force_terminal=True)
        options = JobOptions(address=address, preflight=False)
        (run,) = compute_missing(
            [spec], options, console, executor=RayPool(), title="idling", unit="rows"
        )
        # Without the start of Ray, actors and libraries, which takes as long for one shard.
        watch.clock[POOL] = run.seconds
    if shards.missing() or run.num_rows != number:
        raise SystemExit(f"the pool computed {run.num_rows} of {number} shards")
    ray.init(address=address, logging_level="ERROR", log_to_driver=False)
    try:
        with watch.part(PLAIN):
            numbers = [{"shard": i} for i in range(number)]
            dataset = ray.data.from_items(numbers, override_num_blocks=number).map_batches(
                PlainActor,
                batch_size=1,
                compute=ray.data.ActorPoolStrategy(
                    size=run.num_actors, max_tasks_in_flight_per_actor=1
                ),
                num_cpus=1,
            )
            counted = sum(len(batch["shard"]) for batch in dataset.iter_batches(batch_size=None))
    finally:
        ray.shutdown()
    if counted != number:
        raise SystemExit(f"Ray Data gave {counted} of {number} blocks")
