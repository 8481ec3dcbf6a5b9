"""Counting of k-mers in a genome or a data set: a map-reduce on Ray Data.

A reader streams text in pieces of a few megabytes, each of which begins with the last letters of
the previous piece, so no k-mer between pieces is missed. Counters turn each piece into one row of
counts, and the driver adds up the rows as they arrive. Memory is therefore bounded by the pieces
in flight, for genomes of any size. The result is a sum of integers, the same for any number of
workers and pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dnasweep.errors import InputError
from dnasweep.formats.sequences import BLOCK, read_letters
from dnasweep.runtime.ray_data import configure, error_text, streamed
from dnasweep.tokens.alphabet import chunks, lengths_of
from dnasweep.tokens.ngrams import SEPARATOR, NGramCounts, count_text

PIECE = 1 << 22
"""Number of letters in one piece of a data set."""

Progress = Callable[[int], None]


def count_genome(file: Path, k: int, *, soft_masked: bool, progress: Progress) -> NGramCounts:
    """Count the k-mers of a genome FASTA, plain or gzip, in the open session.

    Parameters
    ----------
    file
        A path on this machine.
    k
        Length of the longest k-mers in bases.
    soft_masked
        Whether lower-case bases are used.
    progress
        Called with the number of bytes of the file counted since the last call.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    import ray.data
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    _configure()
    pieces = ray.data.from_items([{"file": str(file)}]).map_batches(
        _read,  # type: ignore[arg-type]
        batch_size=1,
        batch_format="pyarrow",
        fn_kwargs={"k": k},
        # The reader waits for the counters, so it must not hold a CPU that they need.
        num_cpus=0,
        # The path exists on this machine.
        scheduling_strategy=NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        ),
    )
    return _reduce(pieces, k, soft_masked, progress)


def count_rows(sequences: Sequence[str], k: int, *, progress: Progress) -> NGramCounts:
    """Count the k-mers of sequences in the open session.

    Parameters
    ----------
    sequences
        DNA sequences.
    k
        Length of the longest k-mers in bases.
    progress
        Called with the number of bases counted since the last call.
    """
    import ray.data

    _configure()
    lengths = lengths_of(sequences)
    parts = [
        _piece(SEPARATOR.join(sequences[first:last]), 0, int(lengths[first:last].sum()))
        for first, last in chunks(lengths, PIECE)
    ]
    return _reduce(ray.data.from_arrow(parts), k, True, progress)


def _configure() -> None:
    # Readers pass on each complete piece instead of collecting a hundred megabytes.
    configure().target_max_block_size = PIECE


def _piece(text: str, context: int, size: int, error: str = "") -> pa.Table:
    return pa.table({"text": [text], "context": [context], "size": [size], "error": [error]})


def _read(batch: pa.Table, k: int, block: int = BLOCK) -> Iterator[pa.Table]:
    for file in batch["file"].to_pylist():
        before = ""
        try:
            for letters in read_letters(Path(file), block=block):
                text = before + letters.text.decode("ascii", "replace")
                yield _piece(text, len(before), letters.num_read)
                before = text[len(text) - min(k - 1, len(text)) :]
        except InputError as error:
            yield _piece("", 0, 0, error_text(error))


def _count(batch: pa.Table, k: int, soft_masked: bool) -> pa.Table:
    total, sizes, errors = NGramCounts.zeros(k), 0, []
    for row in batch.to_pylist():
        if row["error"]:
            errors.append(row["error"])
            continue
        total = total + count_text(row["text"], k, context=row["context"], soft_masked=soft_masked)
        sizes += row["size"]
    counts = pa.FixedSizeListArray.from_arrays(pa.array(total.flat), total.flat.size)
    return pa.table({"counts": counts, "size": [sizes], "error": ["".join(errors[:1])]})


def _reduce(pieces: Any, k: int, soft_masked: bool, progress: Progress) -> NGramCounts:
    counted = pieces.map_batches(
        _count,
        batch_size=None,
        batch_format="pyarrow",
        fn_kwargs={"k": k, "soft_masked": soft_masked},
        num_cpus=1,
    )
    total = np.zeros(NGramCounts.zeros(k).flat.size, np.int64)
    with streamed(counted) as rows:
        for row in rows:
            total += np.asarray(row["counts"], np.int64)
            progress(row["size"])
    return NGramCounts.of_flat(total, k)
