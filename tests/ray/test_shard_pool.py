"""The pool on a real cluster: retried, refused, never twice, and no CPU kept for nothing."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import shard_toys
from dnasweep.errors import InputError
from dnasweep.jobs.shards.store import Shards
from dnasweep.jobs.shards.worker import PublishedShard, ShardJobSpec
from dnasweep.runtime.shards.actor import MAX_STARTS, make_status_actor
from dnasweep.runtime.shards.pool import Pool, compute_shards, smoke_test
from dnasweep.storage import Storage

NUM, SIZE = 40, 8


@pytest.fixture(scope="module", autouse=True)
def importable() -> Iterator[None]:
    """Workers import the toys by name, as they import any class that computes shards."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(Path(shard_toys.__file__).parent)
    yield
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


@pytest.fixture
def job(importable: None, ray_cluster: None, tmp_path: Path) -> Shards:
    (tmp_path / "marks").mkdir()
    return Shards.begin(
        Storage(tmp_path / "runs"),
        kind="squares",
        inputs={},
        rows=shard_toys.numbers(NUM),
        shard_size=SIZE,
    )


def spec_of(job: Shards, **arguments: object) -> ShardJobSpec:
    marks = str(job.storage.local.parent / "marks")
    return ShardJobSpec(
        storage=job.storage.root,
        kind=job.kind,
        key=job.key,
        worker="shard_toys:Squares",
        arguments={"marks": marks, **arguments},
    )


def compute(
    job: Shards, pool: Pool, shards: list[int] | None = None, *, status: Any = None, **how: object
) -> list[PublishedShard]:
    """Compute shards of a job, those that are missing unless told."""
    numbers = [(0, shard) for shard in (job.missing() if shards is None else shards)]
    status = make_status_actor() if status is None else status
    return list(compute_shards([spec_of(job, **how)], pool, numbers, status=status))


def starts(job: Shards) -> list[int]:
    """First number of every shard that was begun, as often as it was."""
    marks = (job.storage.local.parent / "marks").glob("*-*")
    return sorted(int(path.name.split("-")[0]) for path in marks)


def squares(job: Shards) -> list[int]:
    import pyarrow.parquet as pq

    found = []
    for number, _ in job.manifests():
        with job.storage.open(job.part_kind, f"{number:05d}", "squares.parquet") as file:
            found += pq.read_table(file)["square"].to_pylist()
    return found


def test_every_shard_once_with_actors_on_every_cpu(job: Shards) -> None:
    # Two actors hold both CPUs: a task that read the list would wait for ever.
    status = make_status_actor()
    done = compute(job, Pool(2, 0.0, 2), status=status)
    assert sorted(one.shard for one in done) == [0, 1, 2, 3, 4]
    assert all(one.computed and one.job == 0 for one in done)
    assert starts(job) == [0, 8, 16, 24, 32]
    assert squares(job) == [n * n for n in range(NUM)]
    threads = {manifest["facts"]["num_threads"] for _, manifest in job.manifests()}
    assert threads == {1}, "an actor a core, a thread an actor"
    again = compute(job, Pool(2, 0.0, 2), [0, 3], status=status)
    assert not any(one.computed for one in again), "published by another driver meanwhile"
    assert len(starts(job)) == 5


def test_a_killed_actor_is_replaced_and_its_shard_computed_again(job: Shards) -> None:
    compute(job, Pool(2, 0.0, 2), die=20, seconds=0.05)
    assert job.missing() == []
    assert squares(job) == [n * n for n in range(NUM)]
    assert starts(job) == [0, 8, 16, 16, 24, 32]


def test_what_kills_its_process_again_and_again_ends_the_job(job: Shards) -> None:
    with pytest.raises(InputError, match=r"rows 16 to 23 has died 4 times.*--batch-rows"):
        compute(job, Pool(1, 0.0, 1), die=20, dies=99)
    assert starts(job).count(16) == MAX_STARTS
    assert 2 in job.missing()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"refuse": 20}, r"row 20: the row is bad\. Mend it\."),
        ({"fill": 20}, r"no space left.*run the same command again"),
    ],
)
def test_what_a_person_can_mend_arrives_as_such(job: Shards, how: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        compute(job, Pool(1, 0.0, 1), **how)
    # The one that was being computed meanwhile may be there or not.
    assert set(job.missing()) - {3} == {2, 4}, "what was done before stays"
    compute(job, Pool(1, 0.0, 1))
    assert squares(job) == [n * n for n in range(NUM)]


def test_a_smoke_test_comes_before_the_pool(job: Shards) -> None:
    smoke_test([spec_of(job)], Pool(1, 0.0, 1), [0])
    assert [path.name for path in (job.storage.local.parent / "marks").iterdir()] == ["rehearsed"]
    with pytest.raises(Exception, match="NoSuchWorker"):
        smoke_test(
            [dataclasses.replace(spec_of(job), worker="shard_toys:NoSuchWorker")],
            Pool(1, 0.0, 1),
            [0],
        )


def test_two_jobs_share_a_pool(job: Shards) -> None:
    """Each shard is of its own job, whatever else the actors compute."""
    other = Shards.begin(
        job.storage,
        kind="squares",
        inputs={"of": "more"},
        rows=shard_toys.numbers(12),
        shard_size=8,
    )
    specs, numbers = [spec_of(job), spec_of(other)], [(0, 1), (1, 0), (1, 1), (0, 0)]
    found = compute_shards(specs, Pool(2, 0.0, 2), numbers, status=make_status_actor())
    assert sorted((one.job, one.shard) for one in found) == sorted(numbers)
    assert (job.missing(), other.missing()) == ([2, 3, 4], [])
    assert squares(other) == [n * n for n in range(12)]
