"""What a job of shards was begun with: the names of its parts, and how its work list was cut."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa

from dnasweep.errors import InputError
from dnasweep.jobs.shards.manifests import read_manifest
from dnasweep.storage import Storage

WORK, WORK_FILE, SHARDS = "work", "work.parquet", "shards"
WRITE_AGAIN = "Run the job again: the work list is written anew, and shards that are there stay."


_THREADS = 16


def find_parts(storage: Storage, kind: str, key: str, wanted: Sequence[int]) -> None:
    """Make sure that shards of a job are whole, and on this machine.

    Raises
    ------
    InputError
        Where one of them is not there, or is damaged.
    """
    parts = f"{kind}/{key}/{SHARDS}"
    # What a bucket sends comes no faster by many at once.
    with ThreadPoolExecutor(1 if storage.is_remote else _THREADS) as pool:
        found = pool.map(lambda number: storage.find(parts, name(number)), wanted)
        lost = [n for n, folder in zip(wanted, found, strict=True) if folder is None]
    if lost:
        raise InputError(
            f"shard {name(lost[0])} is missing or was damaged",
            file=storage.uri_of(kind, key),
            remedy="Run the job again: it alone is computed anew.",
        )


def clear_damaged(storage: Storage, kind: str, names: Collection[str]) -> None:
    """Set aside the shards that are not as they were published; in a bucket that is found where
    they are read."""
    if not storage.is_remote:
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(lambda name: storage.find(kind, name), names))


def name(shard: int) -> str:
    """Return the name of a shard's folder."""
    return f"{shard:05d}"


def begun_with(storage: Storage, kind: str, key: str) -> int | None:
    """Return the shard size of a job that was begun, whose work list may be lost."""
    if (manifest := storage.manifest(f"{kind}/{key}", WORK)) is not None:
        return int(manifest["inputs"]["shard_size"])
    parts = f"{kind}/{key}/{SHARDS}"
    sizes = []
    for shard in sorted(storage.published(parts))[:2]:
        if (said := storage.manifest(parts, shard)) is not None:
            sizes.append(int((said["inputs"] or {}).get("num_rows", 0)))
    # Of all but the last shard; alone, the last one is computed again where it does not fit.
    return max(sizes, default=0) or None


def read_work(storage: Storage, kind: str, key: str) -> dict[str, Any]:
    """Return the manifest of a job's work list.

    Raises
    ------
    FileNotFoundError
        Where there is none.
    InputError
        Where it is damaged.
    """
    return read_manifest(storage, f"{kind}/{key}", WORK, remedy=WRITE_AGAIN)


@contextlib.contextmanager
def readable_list(place: str) -> Iterator[None]:
    """Say where a work list is that turns out to be damaged in the block.

    Raises
    ------
    InputError
        In place of whatever a parser says of damage.
    """
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, LookupError, pa.ArrowException) as error:
        raise InputError(
            f"the work list cannot be read: {(str(error) or type(error).__name__).splitlines()[0]}",
            file=place,
            remedy=WRITE_AGAIN,
        ) from error
