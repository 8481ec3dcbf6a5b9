"""Sharded jobs without Ray: names, publishing, the pool's arithmetic and what is said meanwhile."""

from __future__ import annotations

import errno
import io
import json
import subprocess
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dnasweep.errors import InputError
from dnasweep.jobs.shards import store, work_list
from dnasweep.jobs.shards.progress import ShardProgress
from dnasweep.jobs.shards.store import Shards
from dnasweep.jobs.shards.work_list import choose_shard_size, digest_of, key_of, spread
from dnasweep.progress import LINE_SECONDS, duration
from dnasweep.runtime.cluster.placement import NodeCapacity, NodeGroup, Resources
from dnasweep.runtime.shards import pool
from dnasweep.runtime.shards.pool import allot_pool
from dnasweep.storage import MANIFEST, Storage
from object_store import ObjectStore
from rich.console import Console
from shard_toys import numbers


@pytest.fixture(params=["folder", "bucket"])
def storage(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Storage:
    """A folder; and an object store."""
    if request.param == "folder":
        return Storage(tmp_path / "runs")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return Storage(request.getfixturevalue("object_store").new_root())


def remove(storage: Storage, path: str) -> None:
    """Remove a file of a storage as somebody would by hand."""
    if storage.bucket is None:
        (storage.local / path).unlink()
    else:
        storage.bucket.delete(path)


def begin(
    storage: Storage, *, num_rows: int = 10, shard_size: int = 4, **inputs: object
) -> Shards:
    return Shards.begin(
        storage, kind="squares", inputs=inputs, rows=numbers(num_rows), shard_size=shard_size
    )


def table(*values: int) -> dict[str, pa.Table]:
    return {"squares": pa.table({"square": pa.array(values, pa.int64())})}


def test_the_work_list_is_cut_into_row_groups(storage: Storage) -> None:
    shards = begin(storage)
    assert len(shards) == 3
    assert [shards.size(i) for i in range(3)] == [4, 4, 2]
    assert [shards.rows(i)["number"].to_pylist() for i in range(3)] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
    ]
    assert shards.missing() == [0, 1, 2]
    with storage.open(f"squares/{shards.key}", "work", "work.parquet") as file:
        assert pq.ParquetFile(file).num_row_groups == 3


def test_a_shard_is_published_once_and_the_first_one_stays(storage: Storage) -> None:
    shards = begin(storage)
    assert shards.publish(1, table(16, 25), {"seconds": 1.0})
    assert not shards.publish(1, table(0, 0), {"seconds": 9.0})
    assert shards.missing() == [0, 2]
    assert shards.is_published(1)
    assert not shards.is_published(0)
    with storage.open(shards.part_kind, "00001", "squares.parquet") as file:
        assert pq.read_table(file)["square"].to_pylist() == [16, 25]
    (number, manifest), *others = shards.manifests()
    assert (number, others) == (1, [])
    assert manifest["facts"] == {"num_rows": 4, "seconds": 1.0}


@pytest.mark.parametrize(("most", "groups"), [(1024, 7), (3, 3), (2, 2), (1, 1)])
def test_shards_of_a_long_list_share_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, groups: int
) -> None:
    """A file of 20,000 row groups takes seconds to open."""
    monkeypatch.setattr(work_list, "MAX_ROW_GROUPS", most)
    shards = begin(Storage(tmp_path), num_rows=20, shard_size=3)
    cut = [shards.rows(i)["number"].to_pylist() for i in range(len(shards))]
    assert cut == [list(range(i, min(i + 3, 20))) for i in range(0, 20, 3)]
    with shards.storage.open(f"squares/{shards.key}", "work", "work.parquet") as file:
        assert pq.ParquetFile(file).num_row_groups == groups
    # Whoever has begun the job with another layout reads it as well.
    monkeypatch.setattr(work_list, "MAX_ROW_GROUPS", 1024)
    again = Shards.open(shards.storage, "squares", shards.key)
    assert again.rows(4)["number"].to_pylist() == [12, 13, 14]


def test_manifests_are_read_some_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_LISTING_AT_ONCE", 2)
    shards = begin(Storage(tmp_path), num_rows=20, shard_size=3)
    for shard in range(len(shards)):
        shards.publish(shard, table(shard), {"seconds": float(shard)})
    told = [(shard, manifest["facts"]["seconds"]) for shard, manifest in shards.manifests()]
    assert told == [(shard, float(shard)) for shard in range(7)]


def test_two_that_build_the_same_shard_at_once_publish_it_once(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    order: list[bool] = []

    def slower(folder: Path) -> None:
        order.append(storage.publish("k", "0", lambda inner: (inner / "a").write_text("first")))
        (folder / "a").write_text("second")

    order.append(storage.publish("k", "0", slower))
    assert order == [True, False]
    assert (tmp_path / "k" / "0" / "a").read_text() == "first"
    assert list((tmp_path / "work" / "building").iterdir()) == []


def test_a_bucket_keeps_nothing_of_a_shard_here(storage: Storage) -> None:
    shards = begin(storage)
    shards.publish(0, table(1), {})
    here = list(storage.local.rglob("shards/*"))
    assert bool(here) == (not storage.is_remote)
    assert storage.exists(shards.part_kind, "00000")


def test_a_shard_without_its_manifest_does_not_count(storage: Storage) -> None:
    shards = begin(storage)
    shards.publish(0, table(1), {})
    remove(storage, f"{shards.part_kind}/00000/{MANIFEST}")
    assert shards.missing() == [0, 1, 2]


def test_the_manifest_of_a_shard_is_written_last(object_store: ObjectStore) -> None:
    shards = begin(Storage(object_store.new_root()))
    object_store.requests.clear()
    shards.publish(0, {**table(1), "zeros": pa.table({"zero": [0]})}, {})
    written = [Path(path).name for method, path in object_store.requests if method == "PUT"]
    assert written == ["squares.parquet", "zeros.parquet", MANIFEST]


def test_the_same_request_is_the_same_job_and_keeps_its_shards(storage: Storage) -> None:
    first = begin(storage, model="a", shard_size=4)
    first.publish(0, table(1), {})
    again = begin(storage, model="a", shard_size=5)
    assert again == first
    assert again.missing() == [1, 2]
    assert again.inputs == {"model": "a"}
    others = {begin(storage, model="b").key, begin(storage, model="a", num_rows=9).key}
    assert len(others | {first.key}) == 3


def test_all_shards_are_fetched_from_a_bucket_too(storage: Storage) -> None:
    shards = begin(storage, num_rows=10, shard_size=4)
    for number in range(len(shards)):
        shards.publish(number, table(number), {})
    folder = shards.fetch()
    assert len(list(folder.glob("shards/*/squares.parquet"))) == 3
    # Only a part on request: with a bucket, as many shards as have these rows.
    assert shards.fetch(4) == folder


def test_a_lost_work_list_is_cut_as_before(storage: Storage) -> None:
    """The last shard is smaller than the others; its size alone would give other rows to it."""
    shards = begin(storage, num_rows=10, shard_size=4)
    shards.publish(2, table(1), {})
    remove(storage, "/".join(("squares", shards.key, "work", MANIFEST)))
    assert begin(storage, num_rows=10, shard_size=3) == shards


def test_a_job_is_closed_only_when_all_is_there(storage: Storage) -> None:
    shards = begin(storage, model="a")
    shards.publish(0, table(1), {})
    with pytest.raises(RuntimeError, match="2 shards are missing, the first is 1"):
        shards.finish({})
    assert shards.finished() is None
    shards.publish(1, table(1), {})
    shards.publish(2, table(1), {})
    shards.finish({"num_rows": 10})
    manifest = shards.finished()
    assert manifest is not None
    assert manifest["inputs"] == {"model": "a"}
    assert manifest["facts"] == {"num_rows": 10}
    assert Shards.open(storage, "squares", shards.key) == shards


def test_what_is_not_there_cannot_be_opened(storage: Storage) -> None:
    with pytest.raises(InputError, match="no job with this name"):
        Shards.open(storage, "squares", "0" * 16)
    with pytest.raises(InputError, match="list of sequences is empty"):
        begin(storage, num_rows=0)


def test_the_same_tables_are_the_same_bytes(tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        shards = begin(Storage(tmp_path / name))
        shards.publish(0, table(1, 2), {"seconds": len(files)})
        files.append((tmp_path / name).glob("squares/*/shards/00000/squares.parquet"))
    first, second = (next(iter(found)).read_bytes() for found in files)
    assert first == second


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
def test_a_full_disk_leaves_no_half_shard(storage: Storage) -> None:
    shards = begin(storage)
    shards.publish(0, table(1), {})

    class Full(dict):
        def items(self):
            yield from table(1).items()
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(InputError, match=r"no space left.*run the same command again"):
        shards.publish(1, Full(), {})
    assert shards.missing() == [1, 2]
    assert [p.name for p in (storage.local / shards.part_kind).iterdir()] == ["00000"]
    assert list((storage.local / "work" / "building").iterdir()) == []


def test_the_digest_is_of_the_content_and_nothing_else() -> None:
    rows = numbers(100)
    digest = digest_of(rows)
    pieces = pa.concat_tables([rows.slice(0, 7), rows.slice(7, 50), rows.slice(57)])
    assert digest_of(pieces) == digest
    narrow = rows.set_column(1, "text", rows["text"].cast(pa.string()))
    assert digest_of(narrow) == digest, "how wide offsets are is no content"
    assert digest_of(rows.slice(1)) != digest
    assert digest_of(rows.rename_columns(["number", "word"])) != digest
    moved = [pa.table({"text": pa.array(words)}) for words in (["AB", "C"], ["A", "BC"])]
    assert digest_of(moved[0]) != digest_of(moved[1])
    with pytest.raises(ValueError, match="missing values"):
        digest_of(pa.table({"text": ["A", None]}))


def test_keys_stay_what_they_were() -> None:
    # A key that changes by itself would leave every finished job behind.
    assert key_of("squares", {"model": "a", "n": 1}, numbers(3)) == "b927821132b100bc"


def test_shards_are_chosen_by_the_list() -> None:
    sizes = {n: choose_shard_size(n) for n in (1, 100, 5920, 10**6, 10**8)}
    assert sizes == {1: 8, 100: 8, 5920: 61, 10**6: 256, 10**8: 5000}
    assert choose_shard_size(5920, 2) == 61, "a small machine cuts no other shards"
    assert choose_shard_size(100_000, 256) == 65


def test_numbers_are_spread_over_the_whole() -> None:
    assert spread(5, 9) == [0, 1, 2, 3, 4]
    assert spread(101, 3) == [0, 50, 100]
    assert spread(7, 0) == [0]


def test_the_pool_fits_the_cluster() -> None:
    laptop, farm = (
        Resources((NodeCapacity("laptop", 2),)),
        Resources((NodeCapacity("one of 4", 16, 2),) * 4),
    )
    assert allot_pool(laptop, num_shards=9) == (2, 0.0, 9), "and more should machines join"
    assert allot_pool(laptop, num_shards=1) == (1, 0.0, 1), "no more actors than shards"
    assert allot_pool(farm, num_shards=99) == (8, 1.0, 99)
    assert allot_pool(farm, num_shards=99, gpus_per_actor=0.25) == (32, 0.25, 99)
    assert allot_pool(farm, num_shards=99, gpus_per_actor=0) == (64, 0.0, 99)
    assert allot_pool(farm, num_shards=99, num_actors=3) == (3, 1.0, 3), "as many as are named"
    assert allot_pool(Resources((NodeCapacity("gpus", 4, 8),)), num_shards=99)[:2] == (4, 1.0), (
        "an actor needs a CPU"
    )
    waiting = Resources((NodeCapacity("head", 0),), (NodeGroup(NodeCapacity("gpu", 4, 1), 8),))
    assert allot_pool(waiting, num_shards=99) == (8, 1.0, 99), "machines come with the work"
    assert allot_pool(waiting, num_shards=3) == (3, 1.0, 3)
    for wrong in ({"num_actors": 3}, {"gpus_per_actor": 1.0}):
        with pytest.raises(InputError, match=r"could never start.*--num-actors"):
            allot_pool(laptop, num_shards=9, **wrong)
    with pytest.raises(InputError, match="at least 1 actor"):
        allot_pool(laptop, num_shards=9, num_actors=0)


def test_late_lines_of_other_processes_go_to_the_terminal_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pool, "_LAST_LINES_S", 0.01)
    with pool._without_lines([b"harmless"]):
        talks = "echo harmless >&2; echo early >&2; sleep 0.3; echo late >&2"
        child = subprocess.Popen(["sh", "-c", talks])
    # The next file to be opened gets the number of a descriptor that was closed.
    with (tmp_path / "other").open("wb"):
        child.wait()
        said, ends = "", time.monotonic() + 5
        while "late" not in said and time.monotonic() < ends:
            said += capfd.readouterr().err
    assert said.split() == ["early", "late"]
    assert (tmp_path / "other").read_bytes() == b""


def test_progress_counts_rows_within_shards_and_says_what_is_left() -> None:
    now, running = [0.0], {}
    said = io.StringIO()
    progress = ShardProgress(
        Console(file=said, width=100),
        "explaining",
        unit="sequences",
        total=1000,
        done=200,
        running=lambda: (running, max(0.0, now[0] - 10.0)),
        clock=lambda: now[0],
    )
    progress.look()
    assert progress.line() == "explaining: 200 of 1,000 sequences"
    now[0] = 30.0
    running[3] = 40
    progress.look()
    assert progress.rate == pytest.approx(2.0), "what was done before does not count"
    assert progress.line() == "explaining: 240 of 1,000 sequences, 2 a second, 6 min left"
    assert said.getvalue() == ""
    now[0] = 10.0 + LINE_SECONDS
    running.clear()
    progress.finish(3, 60)
    assert "260 of 1,000" in said.getvalue(), "a log file gets a line a minute"


def test_a_status_actor_that_does_not_answer_costs_a_picture_only() -> None:
    def late() -> tuple[dict[int, int], float]:
        raise TimeoutError

    progress = ShardProgress(
        Console(file=io.StringIO()), "x", unit="y", total=10, done=0, running=late
    )
    progress.finish(0, 10)
    assert progress.line() == "x: 10 of 10 y"


def test_durations_in_words() -> None:
    assert [duration(s) for s in (4.2, 99, 720, 11_100)] == ["4 s", "99 s", "12 min", "3 h 05 min"]


def test_half_built_shards_of_a_killed_run_are_cleared(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    shards, other = begin(storage, model="a"), begin(storage, model="b")
    building = tmp_path / "work" / "building"
    for job in (shards, other):
        (building / f"squares-{job.key}-shards-00001-abc").mkdir()
    storage.clear_abandoned(shards.part_kind)
    assert [path.name.split("-")[1] for path in building.iterdir()] == [other.key]


def test_manifests_are_json_with_sizes(tmp_path: Path) -> None:
    shards = begin(Storage(tmp_path))
    shards.publish(2, table(64, 81), {})
    folder = tmp_path / shards.part_kind / "00002"
    manifest = json.loads((folder / MANIFEST).read_text())
    assert manifest["files"] == {"squares.parquet": (folder / "squares.parquet").stat().st_size}
