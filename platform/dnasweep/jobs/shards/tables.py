"""The tables computed by a job, shard by shard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from dnasweep.jobs.shards.manifests import name
from dnasweep.jobs.shards.store import Shards


def read_tables(
    shards: Shards, file: str, columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """Yield one table of every shard, in the order of the rows of the job.

    Parameters
    ----------
    shards
        Shards of the job, all of them finished.
    file
        Name of the table in the folder of a shard, such as `windows.parquet`.
    columns
        Columns to read. Default: all.
    """
    for shard in range(len(shards)):
        data = shards.storage.read(shards.part_kind, name(shard), file)
        yield pq.read_table(
            pa.BufferReader(data), columns=None if columns is None else list(columns)
        )
