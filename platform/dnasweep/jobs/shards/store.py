"""A long list of rows computed shard by shard; each shard is published completely, under its number.

The work list is written once, as Parquet in which no row group divides a shard. The job is named by a hash
of everything that determines its result: the kind, the inputs (model, parameters) and the rows; its shards
are numbered. Any process can therefore list the existing shards and compute the others, and the content of a
shard does not depend on who computes it::

    <root>/<kind>/<key>
      work              work.parquet and its manifest, written first
      shards/00000      the tables of the first shard and their manifest
      manifest.json     written last: the job is complete

This module does not use Ray; :mod:`dnasweep.jobs.computing` computes the missing shards.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dnasweep.config import canonical, versions
from dnasweep.errors import InputError
from dnasweep.jobs.shards.manifests import (
    SHARDS,
    THREADS,
    WORK,
    WORK_FILE,
    begun_with,
    find_lost,
    name,
    read_manifest,
    read_work,
    readable_list,
)
from dnasweep.jobs.shards.work_list import (
    digest_of,
    key_of,
    read_rows,
    spread,
    write_rows,
)
from dnasweep.storage import MANIFEST, Storage, Unavailable, seal

log = logging.getLogger("dnasweep.storage")

_LISTING_AT_ONCE = 4096


@dataclass(frozen=True, kw_only=True)
class Shards:
    """The shards of one job on its storage."""

    storage: Storage
    """Storage of the shards."""
    kind: str
    """Folder below the storage root, named after the kind of result."""
    key: str
    """Content key of the job."""
    num_rows: int
    """Number of rows in the work list."""
    shard_size: int
    """Number of rows in every shard except the last."""

    @classmethod
    def begin(
        cls,
        storage: Storage,
        *,
        kind: str,
        inputs: Mapping[str, Any],
        rows: pa.Table,
        shard_size: int,
    ) -> Shards:
        """Write the work list of a job, or find the existing one.

        A job that has been started keeps its shard size.

        Parameters
        ----------
        storage, kind
            Storage of the job, and its kind of artefact.
        inputs
            Everything that determines the result besides the rows; must be serialisable as JSON.
        rows
            The work list; columns of text, numbers and booleans.
        shard_size
            Rows per shard.

        Raises
        ------
        InputError
            For no rows, or shards of less than one row.
        """
        if len(rows) == 0:
            raise InputError("there is nothing to do: the list of sequences is empty")
        if shard_size < 1:
            raise InputError(f"shard_size is {shard_size}", remedy="Use at least 1.")
        key = key_of(kind, inputs, rows)
        shard_size = begun_with(storage, kind, key) or shard_size

        def write(folder: Path) -> dict[str, Any]:
            return {"groups": write_rows(folder / WORK_FILE, rows, shard_size)}

        begun = {
            "format": versions.SHARDS,
            "num_rows": len(rows),
            "shard_size": shard_size,
            "rows_digest": digest_of(rows),
            "job": canonical(inputs),
        }
        storage.obtain(f"{kind}/{key}", WORK, write, inputs=begun)
        return cls.open(storage, kind, key)

    @classmethod
    def open(cls, storage: Storage, kind: str, key: str) -> Shards:
        """Find a job that has been started.

        Parameters
        ----------
        storage, kind, key
            Storage, and kind and key of the job.

        Raises
        ------
        InputError
            If there is none.
        """
        try:
            begun = read_work(storage, kind, key)["inputs"]
        except FileNotFoundError:
            raise InputError(
                "there is no job with this name", file=storage.uri_of(kind, key)
            ) from None
        sizes = {size: int(begun[size]) for size in ("num_rows", "shard_size")}
        return cls(storage=storage, kind=kind, key=key, **sizes)

    def __len__(self) -> int:
        return -(-self.num_rows // self.shard_size)

    @property
    def part_kind(self) -> str:
        """Kind of artefact of the shards."""
        return f"{self.kind}/{self.key}/{SHARDS}"

    @property
    def uri(self) -> str:
        """Folder or URI of the job."""
        return self.storage.uri_of(self.kind, self.key)

    @property
    def inputs(self) -> dict[str, Any]:
        """Inputs that the job was started with."""
        return dict(read_work(self.storage, self.kind, self.key)["inputs"]["job"])

    def size(self, shard: int) -> int:
        """Return the number of rows of a shard."""
        return min(self.shard_size, self.num_rows - shard * self.shard_size)

    def missing(self) -> list[int]:
        """Return the numbers of the shards that are not published, in order."""
        published = self.published()
        return [shard for shard in range(len(self)) if name(shard) not in published]

    def clear_damaged(self) -> None:
        """Set aside damaged shards, which then count as missing.

        In a bucket, damage is found when a shard is read.
        """
        if not self.storage.is_remote:
            find_lost(self.storage, self.part_kind, sorted(self.published()))

    def rows(self, shard: int) -> pa.Table:
        """Read the rows of a shard from the work list, and no others.

        Raises
        ------
        InputError
            If the work list is damaged.
        """

        def read() -> pa.Table:
            groups, digests = self._work
            with self.storage.open(f"{self.kind}/{self.key}", WORK, WORK_FILE) as source:
                begin, size = shard * self.shard_size, self.size(shard)
                return read_rows(source, groups, begin, size, digests)

        with readable_list(self.storage.uri_of(self.kind, self.key, WORK, WORK_FILE)):
            return self.storage.with_retries(read)

    # Once per process: for a long list it takes much longer than the rows of a shard.
    @cached_property
    def _work(self) -> tuple[pq.FileMetaData, Sequence[str]]:
        facts = read_work(self.storage, self.kind, self.key).get("facts", {})
        with self.storage.open(f"{self.kind}/{self.key}", WORK, WORK_FILE) as source:
            return pq.read_metadata(source), facts.get("groups", ())

    def is_published(self, shard: int) -> bool:
        """Return whether a shard is published now."""
        return self.storage.exists(self.part_kind, name(shard))

    def publish(self, shard: int, tables: Mapping[str, pa.Table], facts: dict[str, Any]) -> bool:
        """Publish the tables of a shard; return False if somebody else was first.

        Parameters
        ----------
        shard
            Number of the shard.
        tables
            Tables by name, written as `<name>.parquet` with checksums, which reveal damage on reading.
        facts
            Counts and times of the shard, stored in its manifest.
        """

        def write(folder: Path) -> dict[str, Any]:
            for stem, table in tables.items():
                file = folder / f"{stem}.parquet"
                pq.write_table(table, file, compression="zstd", write_page_checksum=True)
            return {"num_rows": self.size(shard), **facts}

        inputs = {"num_rows": self.size(shard), "shard_size": self.shard_size}
        return self.storage.publish(self.part_kind, name(shard), write, inputs=inputs)

    def fetch(self, most_rows: int | None = None) -> Path:
        """Return a local folder of the job with its shards, or some of them spread over the job.

        Parameters
        ----------
        most_rows
            From an object store, fetch only shards of about this many rows in total; None: all.

        Raises
        ------
        InputError
            If a shard is missing or damaged.
        """
        wanted: Sequence[int] = range(len(self))
        if most_rows is not None and self.storage.is_remote:
            wanted = spread(len(self), most_rows // self.shard_size)
        if lost := find_lost(self.storage, self.part_kind, [name(shard) for shard in wanted]):
            raise InputError(
                f"shard {lost[0]} is missing or was damaged",
                file=self.uri,
                remedy="Run the job again: only this shard is computed anew.",
            )
        return self.storage.local / self.kind / self.key

    def manifests(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield number and manifest of every published shard, in order; raises like :meth:`manifest`."""
        published = sorted(int(key) for key in self.published())
        with ThreadPoolExecutor(THREADS) as pool:
            # Reading all at once would keep all of them in memory.
            for begin in range(0, len(published), _LISTING_AT_ONCE):
                some = published[begin : begin + _LISTING_AT_ONCE]
                yield from zip(some, pool.map(self.manifest, some), strict=True)

    def manifest(self, shard: int) -> dict[str, Any]:
        """Read the manifest of a published shard; raises `InputError` if it is damaged."""
        remedy = "Run the job again: only this shard is computed anew."
        return read_manifest(self.storage, self.part_kind, name(shard), remedy=remedy)

    def published(self) -> set[str]:
        """Return the names of published shards; folders with other names are ignored."""
        keys = self.storage.published(self.part_kind)
        return {key for key in keys if key.isdecimal() and key == name(int(key))}

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Declare the job complete: write its manifest once all shards are published."""
        if missing := self.missing():
            raise RuntimeError(f"{len(missing)} shards are missing, the first is {missing[0]}")
        manifest = {
            "kind": self.kind,
            "key": self.key,
            "num_rows": self.num_rows,
            "num_shards": len(self),
            "shard_size": self.shard_size,
            "inputs": self.inputs,
            "facts": canonical(dict(facts)),
        }
        self.storage.put(self.kind, self.key, MANIFEST, seal(manifest))

    def finished(self) -> dict[str, Any] | None:
        """Return the manifest of a complete job, or None."""
        try:
            return read_manifest(self.storage, self.kind, self.key, remedy="")
        except FileNotFoundError:
            return None
        except Unavailable:
            raise
        except InputError as error:
            # Everything in it follows from the shards.
            log.warning("%s. It is written again when the job is run again", error)
            return None
