"""A genome in the storage, from which every machine of a cluster reads the parts it needs.

The genome is one Parquet file with one row group per 2^20 bases, so a read only transfers about what it
returns, on a file system and in a bucket; workers need neither the FASTA nor its index.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyfaidx

from dnasweep.config import content_key, versions
from dnasweep.errors import InputError
from dnasweep.storage import Storage, Unavailable

KIND = "genomes"
FILE = "bases.parquet"
BASES = 1 << 20
"""Number of bases in a row group."""
_LENGTHS = b"dnasweep_lengths"


def genome_key(fasta: pyfaidx.Fasta, names: Sequence[str]) -> str:
    """Return the content key of records of an open genome: names, lengths and upper-case bases."""
    records = []
    for name in names:
        digest = hashlib.sha256()
        for _, part in _parts(fasta, name):
            digest.update(part.encode())
        records.append([name, len(fasta[name]), digest.hexdigest()])
    return content_key(KIND, versions.GENOME, records)


def keep_genome(storage: Storage, fasta: pyfaidx.Fasta, names: Sequence[str]) -> str:
    """Copy records of an open genome into the storage unless they are already there; return their key.

    Parameters
    ----------
    storage
        Storage to keep them in.
    fasta, names
        The genome, and the names of the records to copy.
    """
    key = genome_key(fasta, names)
    lengths = {name: len(fasta[name]) for name in names}

    def write(folder: Path) -> dict[str, Any]:
        digests = []
        schema = pa.schema([("chrom", pa.string()), ("start", pa.int64()), ("bases", pa.string())])
        schema = schema.with_metadata({_LENGTHS: json.dumps(lengths)})
        with pq.ParquetWriter(folder / FILE, schema, compression="zstd") as writer:
            for name in names:
                for start, bases in _parts(fasta, name):
                    columns = {"chrom": [name], "start": [start], "bases": [bases]}
                    writer.write_table(pa.table(columns, schema))
                    digests.append(_digest(bases))
        return {"groups": digests}

    storage.obtain(KIND, key, write, inputs={"lengths": lengths})
    return key


def _digest(bases: str) -> str:
    return hashlib.sha256(bases.encode()).hexdigest()[:16]


def _parts(fasta: pyfaidx.Fasta, name: str) -> Iterator[tuple[int, str]]:
    for start in range(0, len(fasta[name]), BASES):
        yield start, str(fasta[name][start : min(start + BASES, len(fasta[name]))])


class StoredGenome:
    """Reads a genome written by :func:`keep_genome`.

    Parameters
    ----------
    storage, key
        Storage and key of the genome.

    Raises
    ------
    InputError
        If the genome is missing or damaged.
    """

    def __init__(self, storage: Storage, key: str) -> None:
        self._storage = storage
        self._key = key
        manifest = storage.manifest(KIND, key)
        if manifest is None:
            raise self._lost()
        # Parts are verified one by one when they are read: no worker needs the whole genome.
        self._digests = manifest.get("facts", {}).get("groups", ())
        self.lengths: Mapping[str, int] = manifest["inputs"]["lengths"]
        try:
            self._file = storage.with_retries(
                lambda: pq.ParquetFile(storage.open(KIND, key, FILE))
            )
        except Unavailable:
            raise
        except (OSError, ValueError, pa.ArrowException) as error:
            raise self._lost() from error
        self._first: dict[str, int] = {}
        groups = 0
        for name, length in self.lengths.items():
            self._first[name] = groups
            groups += -(-length // BASES)
        self._read: tuple[int, str] = (-1, "")

    def fetch(self, name: str, start: int, end: int) -> str:
        """Return some bases of a record, upper case.

        Parameters
        ----------
        name
            Name of the record.
        start, end
            0-based and half-open.
        """
        if not 0 <= start <= end <= self.lengths[name]:
            raise ValueError(f"{name}:{start}-{end} is not on a record of {self.lengths[name]}")
        parts = []
        for part in range(start // BASES, -(-end // BASES)):
            low = part * BASES
            parts.append(self._group(self._first[name] + part)[max(0, start - low) : end - low])
        return "".join(parts)

    def _group(self, group: int) -> str:
        if self._read[0] != group:
            try:
                table = self._storage.with_retries(
                    lambda: self._file.read_row_group(group, columns=["bases"])
                )
                bases = str(table["bases"][0].as_py())
            except Unavailable:
                raise
            except (OSError, ValueError, LookupError, pa.ArrowException) as error:
                raise self._lost() from error
            if self._digests and _digest(bases) != self._digests[group]:
                raise self._lost()
            self._read = group, bases
        return self._read[1]

    def _lost(self) -> InputError:
        # Finding an artefact verifies all of it and sets it aside if it is damaged.
        self._storage.find(KIND, self._key)
        return InputError(
            "the stored genome is missing or damaged",
            file=self._storage.uri_of(KIND, self._key),
            remedy="Run the same command again on a machine that has the FASTA file.",
        )
