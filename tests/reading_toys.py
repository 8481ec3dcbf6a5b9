"""Sequences read from files into a table, and what is said about them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from dnasweep.data.reading import read_rows
from dnasweep.formats.rejects import write_rejects


def read_sequences(
    paths: Any = (),
    *,
    rejects: Path | None = None,
    say: Callable[[str], None] | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Return the table that is read, with its bad rows written and its notes told."""
    reading = read_rows(paths, **options)
    if reading.rejected and rejects is not None:
        write_rejects(reading.rejected, rejects)
    for note in reading.notes if say else ():
        say(note)
    return reading.table


def write_stream(path: Path, frame: pd.DataFrame) -> None:
    """Write a table as a stream of Arrow, as `datasets` does."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
