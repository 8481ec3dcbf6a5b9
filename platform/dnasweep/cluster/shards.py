"""A long list of rows computed shard by shard, each shard published whole under its number.

The work list is written once, as Parquet with a row group a shard. The job is named by the content
of everything that makes its result: the kind, the inputs (model, parameters) and the rows; its
shards are numbered. So whoever is asked for the job lists the shards that are there and computes
the others, and a shard is the same whoever computes it::

    <root>/<kind>/<key>/work/             work.parquet and its manifest, written first
    <root>/<kind>/<key>/shards/00000/     the tables of the first shard and their manifest
    <root>/<kind>/<key>/manifest.json     written last: the job is complete

Nothing here knows of Ray; :mod:`dnasweep.cluster.shard_pool` computes on a cluster.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dnasweep.config import canonical, content_key
from dnasweep.errors import InputError
from dnasweep.storage import MANIFEST, Storage

FORMAT = 1
"""Part of every key; raised when the same inputs are to give another result."""
WORK, WORK_FILE, SHARDS = "work", "work.parquet", "shards"
LARGEST_SHARD, SMALLEST_SHARD = 256, 8
MOST_SHARDS = 20_000
USUAL_ACTORS, SHARDS_PER_ACTOR = 16, 6
"""Where there are enough rows each actor gets some shards, so that all end at about one time."""
_LISTING_THREADS = 16


@dataclass(frozen=True, kw_only=True)
class Shards:
    """The shards of one job on its storage."""

    storage: Storage
    """Where they lie."""
    kind: str
    """Folder below the storage root, by what is computed."""
    key: str
    """Content key of the job."""
    num_rows: int
    """Rows of the work list."""
    shard_size: int
    """Rows of every shard but the last."""

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
        """Write the work list of a job, or find the one that is there.

        A job that was begun keeps the shard size it was begun with.

        Parameters
        ----------
        inputs
            Everything beside the rows that makes the result, JSON-able.
        rows
            The work list; columns of text, numbers and booleans.
        shard_size
            Rows a shard.

        Raises
        ------
        InputError
            For no rows, or shards of less than one row.
        """
        if len(rows) == 0:
            raise InputError("there is nothing to do: the list of sequences is empty")
        if shard_size < 1:
            raise InputError(f"shard_size is {shard_size}", remedy="Use at least 1.")
        key, digest = key_of(kind, inputs, rows), digest_of(rows)

        def write(folder: Path) -> None:
            pq.write_table(rows, folder / WORK_FILE, row_group_size=shard_size, compression="zstd")

        said = {
            "format": FORMAT,
            "num_rows": len(rows),
            "shard_size": shard_size,
            "rows_digest": digest,
            "job": canonical(inputs),
        }
        storage.obtain(f"{kind}/{key}", WORK, write, inputs=said)
        return cls.open(storage, kind, key)

    @classmethod
    def open(cls, storage: Storage, kind: str, key: str) -> Shards:
        """Find a job that was begun.

        Raises
        ------
        InputError
            Where there is none.
        """
        try:
            said = _read_json(storage, f"{kind}/{key}", WORK)["inputs"]
        except FileNotFoundError:
            raise InputError(
                "there is no job with this name", file=f"{storage.root}/{kind}/{key}"
            ) from None
        return cls(
            storage=storage,
            kind=kind,
            key=key,
            num_rows=int(said["num_rows"]),
            shard_size=int(said["shard_size"]),
        )

    def __len__(self) -> int:
        return -(-self.num_rows // self.shard_size)

    @property
    def part_kind(self) -> str:
        """The shards as a kind of artefact."""
        return f"{self.kind}/{self.key}/{SHARDS}"

    @property
    def place(self) -> str:
        """Folder or URI of the job."""
        return f"{self.storage.root}/{self.kind}/{self.key}"

    @property
    def inputs(self) -> dict[str, Any]:
        """What the job was begun with."""
        said = _read_json(self.storage, f"{self.kind}/{self.key}", WORK)
        return dict(said["inputs"]["job"])

    def size(self, shard: int) -> int:
        """Return the rows of a shard."""
        return min(self.shard_size, self.num_rows - shard * self.shard_size)

    def missing(self) -> list[int]:
        """Return the numbers of the shards that are not published, in order."""
        there = self.storage.published(self.part_kind)
        return [shard for shard in range(len(self)) if name(shard) not in there]

    def rows(self, shard: int) -> pa.Table:
        """Read the rows of a shard from the work list, and no others."""
        with self.storage.open(f"{self.kind}/{self.key}", WORK, WORK_FILE) as source:
            return pq.ParquetFile(source).read_row_group(shard)

    def is_published(self, shard: int) -> bool:
        """Return whether a shard is there now."""
        return self.storage.exists(self.part_kind, name(shard))

    def publish(self, shard: int, tables: Mapping[str, pa.Table], facts: dict[str, Any]) -> bool:
        """Publish the tables of a shard; return False where somebody else was first.

        Parameters
        ----------
        tables
            Written as `<name>.parquet`, with checksums, so that damage is seen when read.
        facts
            Counts and times of the shard, kept in its manifest.
        """

        def write(folder: Path) -> dict[str, Any]:
            for stem, table in tables.items():
                pq.write_table(
                    table,
                    folder / f"{stem}.parquet",
                    compression="zstd",
                    write_page_checksum=True,
                )
            return {"num_rows": self.size(shard), **facts}

        return self.storage.publish(self.part_kind, name(shard), write)

    def fetch(self, most_rows: int | None = None) -> Path:
        """Return a local folder of the job with its shards, or some of them spread over the job.

        Parameters
        ----------
        most_rows
            On an object store fetch shards of about as many rows at most.
        """
        folder = self.storage.local / self.kind / self.key
        if self.storage.is_remote:
            for shard in spread(len(self), (most_rows or self.num_rows) // self.shard_size):
                self.storage.find(self.part_kind, name(shard))
        return folder

    def manifests(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the number and the manifest of every published shard, in order."""
        there = sorted(self.storage.published(self.part_kind), key=int)
        with ThreadPoolExecutor(_LISTING_THREADS) as pool:
            read = pool.map(lambda key: _read_json(self.storage, self.part_kind, key), there)
            yield from zip(map(int, there), read, strict=True)

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Declare the job complete: write its manifest, once every shard is there."""
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
        text = json.dumps(manifest, indent=2) + "\n"
        self.storage.put(self.kind, self.key, MANIFEST, text)

    def finished(self) -> dict[str, Any] | None:
        """Return the manifest of a complete job, or None."""
        try:
            return _read_json(self.storage, self.kind, self.key)
        except FileNotFoundError:
            return None


def key_of(kind: str, inputs: Mapping[str, Any], rows: pa.Table) -> str:
    """Return the content key of a job."""
    return content_key(kind, FORMAT, inputs, digest_of(rows))


def choose_shard_size(num_rows: int, num_actors: int | None = None) -> int:
    """Return rows a shard: `LARGEST_SHARD`, and less where actors would get only a few shards.

    More only for lists so long that there would be more than `MOST_SHARDS`. It follows from the
    list, and not from the machine, unless there are to be more actors than `USUAL_ACTORS`.
    """
    fair = num_rows // (SHARDS_PER_ACTOR * max(USUAL_ACTORS, num_actors or 0))
    least = max(SMALLEST_SHARD, -(-num_rows // MOST_SHARDS))
    return max(least, min(LARGEST_SHARD, fair))


def spread(number: int, most: int) -> list[int]:
    """Return at least one and at most `most` of the numbers below `number`, evenly spread."""
    if most >= number:
        return list(range(number))
    return sorted(set(np.linspace(0, number - 1, max(1, most)).round().astype(int).tolist()))


def name(shard: int) -> str:
    """Return the name of a shard's folder."""
    return f"{shard:05d}"


def digest_of(table: pa.Table) -> str:
    """Return 64 hexadecimal digits that name the content of a table, however it is chunked.

    SHA-256 over the columns: their names and types, the lengths of texts and the texts, numbers as
    bytes. No Python is run a row.
    """
    digest = hashlib.sha256()
    for field in table.schema:
        column = table.column(field.name)
        if column.null_count:
            raise ValueError(f"column {field.name!r} of a work list has missing values")
        text = pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        digest.update(f"{field.name}:{'text' if text else field.type}:{len(column)};".encode())
        chunks = column.chunks
        if not text:
            for chunk in chunks:
                digest.update(chunk.to_numpy(zero_copy_only=False).tobytes())
            continue
        chunks = [chunk.cast(pa.large_binary()) for chunk in chunks]
        for chunk in chunks:
            digest.update(pc.binary_length(chunk).to_numpy())
        for chunk in chunks:
            ends = np.frombuffer(chunk.buffers()[1], np.int64)[chunk.offset :][: len(chunk) + 1]
            digest.update(memoryview(chunk.buffers()[2] or b"")[ends[0] : ends[-1]])
    return digest.hexdigest()


def _read_json(storage: Storage, kind: str, key: str) -> dict[str, Any]:
    with storage.open(kind, key, MANIFEST) as stream:
        return dict(json.loads(stream.read()))
