"""Sequences cut out of a genome FASTA."""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyfaidx
from Bio import bgzf

from dnasweep.errors import InputError
from dnasweep.formats.bases import reverse_complement
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.content import TWO_BIT, file_errors
from dnasweep.formats.indexes import fits, write_blocks
from dnasweep.formats.packing import GZIP
from dnasweep.formats.paths import check_readable, user_path
from dnasweep.formats.rejects import RejectedRow


class Genome(pyfaidx.Fasta):
    """The records of a genome FASTA by name; slices of them are upper-case text.

    `len(genome[name])` is the number of bases of a record, and `genome[name][start:end]` the bases from
    `start` (0-based) up to but not including `end`. Any failure while reading is an `InputError` that names
    the file.

    Parameters
    ----------
    fasta
        The file, under a name that shows whether it is compressed.
    index
        Contents of its `.fai` index.
    blocks
        Contents of its `.gzi` index if it is compressed with bgzip.
    given
        The file as the user named it, for messages.
    """

    def __init__(self, fasta: Path, index: Path, blocks: Path | None, *, given: Path) -> None:
        self._given = given
        super().__init__(
            str(fasta),
            indexname=str(index),
            gzi_indexname=None if blocks is None else str(blocks),
            as_raw=True,
            build_index=False,
        )
        self._starts = [] if blocks is None else [b.ustart for b in self.faidx.gzi_index]

    def read(self, at: int, number: int) -> bytes:
        """Return `number` bytes of the decompressed file starting at `at`, fewer at its end."""
        if self._starts:
            block = bisect_right(self._starts, at) - 1
            begin = self.faidx.gzi_index[block].cstart
            at = bgzf.make_virtual_offset(begin, at - self._starts[block])
        self.faidx.file.seek(at)
        return bytes(self.faidx.file.read(number))

    def get_seq(self, name: str, start: int, end: int, rc: bool = False) -> str:
        """Return a range of bases of a record, as `pyfaidx.Fasta` does.

        Parameters
        ----------
        name
            Name of the record.
        start, end
            First and last base, 1-based, both included.
        rc
            Whether to return the reverse complement.
        """
        record = self.faidx.index[name]
        first, last = start - 1, min(end, record.rlen) - 1
        if last < first:
            return ""
        begin, until = (
            record.offset + at // record.lenc * record.lenb + at % record.lenc
            for at in (first, last)
        )
        try:
            packed = self.read(begin, until + 1 - begin)
            text = packed.translate(None, b"\r\n").decode("ascii").upper()
        except Exception as error:
            # Each library has its own exception for a damaged file.
            raise InputError(
                f"bases {start:,} to {end:,} of {name} cannot be read: {error}",
                file=self._given,
                remedy="Download the file again.",
            ) from error
        if len(text) != last - first + 1:
            raise InputError(
                f"bases {start:,} to {end:,} of {name} have moved since the file was opened",
                file=self._given,
                remedy="Do not change the file while it is read, and run the command again.",
            )
        return reverse_complement(text) if rc else text


@contextlib.contextmanager
def open_genome(path: Path) -> Iterator[Genome]:
    """Open a genome FASTA; sequences are upper-case text, with 0-based, half-open slices.

    The index beside it (`.fai`) is used if it describes the file, whatever their dates.
    Otherwise a new one is created, and kept there if the folder is writable. Plain gzip, which does not
    allow random access, is decompressed into a temporary folder first; compress large genomes with
    bgzip instead.

    Raises
    ------
    InputError
        For a file that is missing or cannot be read, a corrupt gzip or not FASTA.
    """
    path = user_path(path)
    check_readable(path, holds="genome", folder=True)
    if path.is_dir():
        raise InputError(
            "is a folder, not a file",
            file=path,
            remedy="Join the FASTA files of its chromosomes: cat *.fa > genome.fa",
        )
    with file_errors(path, remedy="Check the disk."), path.open("rb") as stream:
        if stream.read(4) in TWO_BIT:
            raise InputError(
                "is a 2bit file", file=path, remedy="Convert it to FASTA with UCSC's twoBitToFa."
            )
    with tempfile.TemporaryDirectory(prefix="dnasweep-genome-") as scratch:
        remedy = "Check the disk and the free space for temporary files."
        with file_errors(path, remedy=remedy):
            genome = _opened(path, Path(scratch))
        try:
            yield genome
        finally:
            genome.close()


def _opened(path: Path, scratch: Path) -> Genome:
    packing, blocks = _packing(path), None
    # pyfaidx recognises a compressed file by its name.
    fasta = scratch / ("genome.fa.gz" if packing == "bgzip" else "genome.fa")
    beside = path.with_name(path.name + ".fai")
    if packing == "gzip":
        with gzip.open(path) as source, fasta.open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
        beside = fasta.with_name("genome.fa.fai")
    else:
        fasta.symlink_to(path.absolute())
    size = fasta.stat().st_size
    if packing == "bgzip":
        blocks = scratch / "genome.fa.gz.gzi"
        size = write_blocks(path, blocks)
    if (genome := _by_index(fasta, beside, blocks, size, path)) is not None:
        return genome
    index = scratch / "made.fai"
    try:
        pyfaidx.Faidx(
            str(fasta),
            indexname=str(index),
            gzi_indexname=None if blocks is None else str(blocks),
        ).close()
    except Exception as error:
        raise _no_fasta(path, str(error).replace(str(fasta), path.name)) from error
    if not index.read_bytes():
        raise InputError("contains no FASTA record", file=path, remedy="Give another file.")
    genome = _by_index(fasta, index, blocks, size, path)
    if genome is None:
        raise _no_fasta(path, "its records, names and lines are not in a valid order")
    _publish_index(index, beside)
    return genome


def _by_index(
    fasta: Path, index: Path, blocks: Path | None, size: int, given: Path
) -> Genome | None:
    """Return a genome opened with an index, None if the index does not belong to this file."""
    if not index.is_file():
        return None
    try:
        genome = Genome(fasta, index, blocks, given=given)
    except Exception:
        return None
    with contextlib.suppress(Exception):
        if fits(genome.faidx.index, genome.read, size):
            return genome
    genome.close()
    return None


def _publish_index(index: Path, beside: Path) -> None:
    """Put a new index beside its genome, atomically, if the folder is writable."""
    if not os.access(beside.parent, os.W_OK):
        return
    aside = beside.with_name(f".{beside.name}.{os.getpid()}")
    try:
        shutil.copyfile(index, aside)
        aside.replace(beside)
    except OSError:
        aside.unlink(missing_ok=True)


def _no_fasta(path: Path, why: str) -> InputError:
    return InputError(
        f"is not a FASTA file that can be indexed: {why.rstrip('.')}",
        file=path,
        remedy="Give each record a unique title and lines of equal length.",
    )


def _packing(path: Path) -> str:
    """Return `bgzip`, `gzip` or `plain`, according to the first bytes."""
    with path.open("rb") as stream:
        head = stream.read(18)
    if head[:2] != GZIP:
        return "plain"
    # A bgzip block is a gzip member with an extra field named BC: SAM specification, 4.1.
    return "bgzip" if head[3:4] == b"\x04" and head[12:14] == b"BC" else "gzip"


def cut_out(
    intervals: pd.DataFrame, *, genome: Path, file: Path
) -> tuple[pd.DataFrame, list[RejectedRow]]:
    """Return intervals with their sequences, each 5' to 3' along its strand.

    Parameters
    ----------
    intervals
        Columns row, chrom, start, end (0-based, half-open, of the forward strand) and strand; ""
        is read as the forward strand.
    genome
        The FASTA file. Its chromosomes may be called `chr1`, `1` or by RefSeq accession.
    file
        The file of the intervals, for messages.

    Returns
    -------
    frame
        The intervals inside the genome, with `sequence`, and the genome's name in `chrom`.
    rejected
        Intervals on a chromosome that the genome lacks, or beyond the end of one.
    """
    with open_genome(genome) as fasta:
        contigs = Contigs.of(fasta, genome, match=True)
        frame, rejected = contigs.place(
            intervals, file=file, cells=("chrom", "start", "end", "strand")
        )
        sequences = [
            fasta.get_seq(chrom, start + 1, end, rc=strand == "-")
            for chrom, start, end, strand in zip(
                *(frame[c] for c in ("chrom", "start", "end", "strand")), strict=True
            )
        ]
    frame = frame.assign(sequence=pd.Series(sequences, index=frame.index, dtype="str"))
    return frame, [row._replace(remedy="") for row in rejected]
