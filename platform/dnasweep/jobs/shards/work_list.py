"""The work list of a sharded job: its content key, and its division into shards."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dnasweep.config import content_key, versions

LARGEST_SHARD, SMALLEST_SHARD = 256, 8
MAX_SHARDS = 20_000
MAX_ROW_GROUPS = 1024
USUAL_ACTORS, SHARDS_PER_ACTOR = 16, 6
"""With enough rows, each actor gets several shards, so that all actors finish at about the same time."""


def key_of(kind: str, inputs: Mapping[str, Any], rows: pa.Table) -> str:
    """Return the content key of a job.

    Parameters
    ----------
    kind
        Kind of result that is computed.
    inputs
        Everything that determines the result besides the rows; must be serialisable as JSON.
    rows
        Rows of the work list.
    """
    return content_key(kind, versions.SHARDS, inputs, digest_of(rows))


def choose_shard_size(num_rows: int, num_actors: int | None = None) -> int:
    """Return the number of rows per shard: `LARGEST_SHARD`, or less if actors would get only a few shards.

    It is larger only for lists that would otherwise have more than `MAX_SHARDS`. It depends on the list and
    not on the machine, unless more than `USUAL_ACTORS` actors are requested.
    """
    fair = num_rows // (SHARDS_PER_ACTOR * max(USUAL_ACTORS, num_actors or 0))
    least = max(SMALLEST_SHARD, -(-num_rows // MAX_SHARDS))
    return max(least, min(LARGEST_SHARD, fair))


def write_rows(path: Path, rows: pa.Table, shard_size: int) -> list[str]:
    """Write a work list with one row group per shard, or per several shards if there are many.

    A file with very many row groups is slow to write and takes seconds to open.

    Parameters
    ----------
    path
        File to write.
    rows
        Rows of the work list.
    shard_size
        Rows per shard.

    Returns
    -------
    list
        Digest of each row group.
    """
    size = -(-len(rows) // (shard_size * MAX_ROW_GROUPS)) * shard_size
    pq.write_table(rows, path, row_group_size=size, compression="zstd")
    return [_short(rows.slice(begin, size)) for begin in range(0, len(rows), size)]


def read_rows(
    source: pa.NativeFile,
    groups: pq.FileMetaData,
    begin: int,
    num_rows: int,
    digests: Sequence[str] = (),
) -> pa.Table:
    """Read some rows of a work list, all from one row group.

    Parameters
    ----------
    source
        The file.
    groups
        Metadata of the file.
    begin, num_rows
        First row, and number of rows.
    digests
        Digests returned by :func:`write_rows`, if known.

    Raises
    ------
    OSError
        If the rows differ from those that were written.
    """
    group, offset = divmod(begin, groups.row_group(0).num_rows)
    found = pq.ParquetFile(source, metadata=groups).read_row_group(group)
    if digests and _short(found) != digests[group]:
        raise OSError("its rows are not those that were written")
    return found.slice(offset, num_rows)


def _short(rows: pa.Table) -> str:
    return digest_of(rows)[:16]


def spread(number: int, most: int) -> list[int]:
    """Return at least one and at most `most` of the numbers below `number`, evenly spread."""
    if most >= number:
        return list(range(number))
    return sorted(set(np.linspace(0, number - 1, max(1, most)).round().astype(int).tolist()))


def digest_of(table: pa.Table) -> str:
    """Return a digest of 64 hexadecimal digits of the content of a table, independent of its chunks.

    It is the SHA-256 over the columns: their names and types, the lengths of texts and the texts, and numbers
    as bytes. No Python code runs per row.
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
