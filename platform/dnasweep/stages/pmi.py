"""K-mer counts and PMI tables as artefacts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from dnasweep.config import content_key, versions
from dnasweep.errors import InputError
from dnasweep.formats.paths import user_path
from dnasweep.stages.held_out import pretraining_rows
from dnasweep.stages.specs import CountsSpec, PmiSpec
from dnasweep.storage import Storage
from dnasweep.tokens.ngrams import NGramCounts, count_sequences
from dnasweep.tokens.pmi import PmiTable, read_table, score_kmers, write_table

COUNTS = "counts.safetensors"
TABLE = "words.parquet"

_KEY = re.compile(r"[0-9a-f]{16}")

Counter = Callable[[CountsSpec], NGramCounts]


def sequences_to_count(storage: Storage, spec: CountsSpec) -> list[str]:
    """Return the training sequences that a specification names; raise an error if there are none."""
    assert spec.dataset is not None, "a genome is counted where its file is"
    table, rows, _ = pretraining_rows(
        storage,
        spec.dataset,
        spec.species,
        positives_only=spec.positives_only,
        held_out=spec.held_out,
    )
    if not len(rows.train):
        raise InputError(
            f"no training rows of {', '.join(spec.species) or 'any species'} to count k-mers in",
            remedy="Name a species set that the data has.",
        )
    return table["sequence"].iloc[rows.train].tolist()


def obtain_counts(storage: Storage, spec: CountsSpec, count: Counter | None = None) -> NGramCounts:
    """Return k-mer counts: those published, or new ones from `count`, by default in this process.

    Parameters
    ----------
    storage
        Storage of the artefacts.
    spec
        Specification of the counts.
    count
        Counts k-mers instead of this process.
    """

    def build(folder: Path) -> None:
        if count is not None:
            counts = count(spec)
        else:
            counts = count_sequences(sequences_to_count(storage, spec), spec.k)
        counts.save(folder / COUNTS)

    return NGramCounts.load(storage.obtain(spec.kind, spec.key, build, inputs=spec) / COUNTS)


def obtain_table(storage: Storage, spec: PmiSpec, count: Counter | None = None) -> PmiTable:
    """Return a PMI table, which is made from counts if it is not published.

    Parameters
    ----------
    storage
        Storage of the artefacts.
    spec
        Specification of the table.
    count
        Counts k-mers instead of this process.

    Raises
    ------
    InputError
        If a given table is not in the storage, or no k-mer occurs often enough.
    """
    if spec.counts is None or spec.config is None:
        folder = storage.find(spec.kind, spec.key)
        if folder is None:
            raise _unknown(storage, spec.key)
        return read_table(folder / TABLE)
    counts_spec, config = spec.counts, spec.config

    def build(folder: Path) -> None:
        counts = obtain_counts(storage, counts_spec, count)
        table = score_kmers(counts, config)
        shown = counts.both_strands() if config.both_strands else counts
        write_table(table.frame(shown), folder / TABLE)

    return read_table(storage.obtain(spec.kind, spec.key, build, inputs=spec) / TABLE)


def keep_table(storage: Storage, given: str) -> tuple[str, int]:
    """Return the key and the k of a table that a user names.

    Parameters
    ----------
    storage
        Storage of the artefacts.
    given
        The key of a table in the storage, its folder, or a file that
        :func:`~dnasweep.tokens.pmi.read_table` reads. It is copied under a key of its content, so
        an encoder does not depend on the name of its table.

    Raises
    ------
    InputError
        If `given` is none of these.
    """
    path = user_path(given)
    if path.is_dir():
        path /= TABLE
    if not path.is_file():
        # A key has no slash in it.
        folder = storage.find(PmiSpec.kind, given) if _KEY.fullmatch(given) else None
        if folder is None:
            raise _unknown(storage, given)
        path = folder / TABLE
    table = read_table(path)
    scores = [None if score != score else score for score in table.scores.tolist()]
    key = content_key("pmi table", versions.PMI, table.k, scores)
    storage.obtain(
        PmiSpec.kind,
        key,
        lambda folder: write_table(table.frame(), folder / TABLE),
        inputs={"file": path.name},
    )
    return key, table.k


def _unknown(storage: Storage, given: str) -> InputError:
    return InputError(
        f"there is no PMI table {given!r}, neither as a file nor in {storage.root}",
        remedy="Give the key or the file printed by `dnasweep pmi`, or leave it out to have "
        "k-mers counted in the rows that are pretrained on.",
    )
