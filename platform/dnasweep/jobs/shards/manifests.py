"""What a job of shards was begun with, and its manifests, which other programs may have damaged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa

from dnasweep.errors import InputError
from dnasweep.storage import MANIFEST, Storage, unseal

WORK, WORK_FILE, SHARDS = "work", "work.parquet", "shards"
THREADS = 16
WRITE_AGAIN = (
    "Run the job again: the work list is written anew, and shards that are there are kept."
)


def name(shard: int) -> str:
    """Return the name of a shard's folder."""
    return f"{shard:05d}"


def read_manifest(storage: Storage, kind: str, key: str, *, remedy: str) -> dict[str, Any]:
    """Return the manifest of an artefact.

    Parameters
    ----------
    storage, kind, key
        Storage, and kind and key of the artefact.
    remedy
        What to do about a damaged manifest.

    Raises
    ------
    FileNotFoundError
        If there is none.
    InputError
        If it is damaged.
    """

    def read() -> bytes:
        with storage.open(kind, key, MANIFEST) as stream:
            return bytes(stream.read())

    text = storage.with_retries(read)
    try:
        return unseal(text)
    except ValueError as error:
        raise InputError(
            f"the manifest is damaged: {error}",
            file=storage.uri_of(kind, key, MANIFEST),
            remedy=remedy,
        ) from error


def find_lost(storage: Storage, kind: str, keys: Sequence[str]) -> list[str]:
    """Look at shards, fetch them to this machine, and set aside those that are damaged.

    Parameters
    ----------
    storage
        Storage of the artefacts.
    kind
        The shards of the job as a kind of artefact.
    keys
        Names of the shards to look at.

    Returns
    -------
    list
        Those of `keys` that are missing or were damaged.
    """
    # A bucket does not send faster when asked for many shards at once.
    with ThreadPoolExecutor(1 if storage.is_remote else THREADS) as pool:
        found = pool.map(lambda key: storage.find(kind, key), keys)
        return [key for key, folder in zip(keys, found, strict=True) if folder is None]


def read_work(storage: Storage, kind: str, key: str) -> dict[str, Any]:
    """Return the manifest of a job's work list; raises as :func:`read_manifest` does.

    Parameters
    ----------
    storage, kind, key
        Storage, and kind and key of the job.
    """
    return read_manifest(storage, f"{kind}/{key}", WORK, remedy=WRITE_AGAIN)


def begun_with(storage: Storage, kind: str, key: str) -> int | None:
    """Return the shard size of a job that was begun, even if its work list is lost.

    Parameters
    ----------
    storage, kind, key
        Storage, and kind and key of the job.
    """
    if (manifest := storage.manifest(f"{kind}/{key}", WORK)) is not None:
        return int(manifest["inputs"]["shard_size"])
    shards = f"{kind}/{key}/{SHARDS}"
    sizes = []
    for shard in sorted(storage.published(shards))[:2]:
        if (manifest := storage.manifest(shards, shard)) is not None:
            inputs = manifest["inputs"] or {}
            # Shards of earlier versions state only their own size, which is smaller for the last one.
            sizes.append(int(inputs.get("shard_size") or inputs.get("num_rows", 0)))
    return max(sizes, default=0) or None


@contextlib.contextmanager
def readable_list(uri: str) -> Iterator[None]:
    """Name the file of a work list that turns out to be damaged in the block.

    Raises
    ------
    InputError
        In place of whatever a parser raises about the damage.
    """
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, LookupError, pa.ArrowException) as error:
        raise InputError(
            f"the work list cannot be read: {(str(error) or type(error).__name__).splitlines()[0]}",
            file=uri,
            remedy=WRITE_AGAIN,
        ) from error
