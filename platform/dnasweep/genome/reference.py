"""Sequences cut out of a genome FASTA."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyfaidx

from dnasweep.errors import InputError
from dnasweep.genome.bases import reverse_complement
from dnasweep.genome.chromosomes import match_chromosomes
from dnasweep.genome.faults import Fault


@contextmanager
def open_genome(path: Path) -> Iterator[pyfaidx.Fasta]:
    """Open a genome FASTA by pyfaidx; sequences come as upper-case text, 0-based and half-open.

    Its indexes stand beside it (`.fai`, of a bgzip file also `.gzi`) where that folder can be
    written, otherwise in a temporary folder. Plain gzip, which cannot be read at random, is unpacked
    into a temporary folder first: for a large genome, pack it with bgzip once.

    Raises
    ------
    InputError
        For a file that is missing, a corrupt gzip or not FASTA.
    """
    path = path.expanduser()
    if not path.is_file():
        raise InputError(
            "there is no such genome file", file=path, remedy="Check the path given by --genome."
        )
    with tempfile.TemporaryDirectory(prefix="dnasweep-genome-") as scratch:
        fasta, folder = path, path.parent
        packing = _packing(path)
        if packing == "gzip":
            folder = Path(scratch)
            fasta = folder / "genome.fa"
            _unpack(path, fasta)
        index, blocks = (folder / f"{fasta.name}.{ending}" for ending in ("fai", "gzi"))
        needed = [index, blocks] if packing == "bgzip" else [index]
        if not os.access(folder, os.W_OK) and not all(_is_fresh(one, fasta) for one in needed):
            index, blocks = Path(scratch) / index.name, Path(scratch) / blocks.name
        try:
            genome = pyfaidx.Fasta(
                str(fasta),
                indexname=str(index),
                gzi_indexname=str(blocks) if packing == "bgzip" else None,
                as_raw=True,
                sequence_always_upper=True,
            )
        except (pyfaidx.FastaIndexingError, pyfaidx.FastaNotFoundError, ValueError) as error:
            raise InputError(f"is not a FASTA that can be indexed: {error}", file=path) from error
        if not list(genome.keys()):
            raise InputError("holds no FASTA record", file=path)
        try:
            yield genome
        finally:
            genome.close()


def _packing(path: Path) -> str:
    """Return `bgzip`, `gzip` or `plain`, by the first bytes."""
    with path.open("rb") as stream:
        head = stream.read(18)
    if head[:2] != b"\x1f\x8b":
        return "plain"
    # A bgzip block is a gzip member with an extra field named BC: the SAM specification, 4.1.
    return "bgzip" if head[3:4] == b"\x04" and head[12:14] == b"BC" else "gzip"


def _unpack(path: Path, target: Path) -> None:
    try:
        with gzip.open(path) as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            "the gzip data is corrupt or cut short",
            file=path,
            remedy="Fetch the file again; gzip -t checks it.",
        ) from error


def _is_fresh(index: Path, fasta: Path) -> bool:
    return index.exists() and index.stat().st_mtime >= fasta.stat().st_mtime


def cut_out(places: pd.DataFrame, *, genome: Path, file: Path) -> tuple[pd.DataFrame, list[Fault]]:
    """Return `places` with their sequence, 5' to 3' along the strand of each.

    Parameters
    ----------
    places
        Columns row, chrom, start, end (0-based, half-open, of the forward strand) and strand; ""
        is read as the forward strand.
    genome
        The FASTA file. Its chromosomes may be called `chr1`, `1` or by RefSeq accession.
    file
        Where the places come from; named in faults.

    Returns
    -------
    frame
        The places inside the genome, with `sequence`, and `chrom` as the genome calls it.
    faults
        Places on no chromosome of the genome, or reaching over an end of theirs.
    """
    sequences: list[str | None] = []
    faults = []
    with open_genome(genome) as fasta:
        names = list(fasta.keys())
        lengths = {name: len(fasta[name]) for name in names}
        matches = match_chromosomes(places["chrom"].unique(), names)
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        columns = (places[c] for c in ("row", "chrom", "start", "end", "strand"))
        for row, chrom, start, end, strand in zip(*columns, strict=True):
            name, reason = matches.get(chrom), ""
            if name is None:
                reason = (
                    f"chromosome {chrom!r} is not in the genome {genome.name}, which has {shown}"
                )
            elif start < 0 or end > lengths[name]:
                reason = (
                    f"bases {start:,} to {end:,} reach over the end of {name}, "
                    f"which has {lengths[name]:,}"
                )
            if name is None or reason:
                faults.append(
                    Fault(str(file), int(row), reason, f"{chrom} {start} {end} {strand}")
                )
                sequences.append(None)
                continue
            sequence = str(fasta[name][int(start) : int(end)])
            sequences.append(reverse_complement(sequence) if strand == "-" else sequence)
    frame = places.assign(sequence=pd.Series(sequences, index=places.index, dtype="str"))
    frame = frame[frame["sequence"].notna()].reset_index(drop=True)
    return frame.assign(chrom=frame["chrom"].map(matches)), faults
