"""Variants from files: VCF, plain, gzip or bgzip, and TSV; one row per alternative allele.

Only the position and the alleles of a variant are read. Variants that cannot be scored on any genome
(symbolic alleles, letters other than bases) are rejected rows; whether a variant fits a genome is
checked in :mod:`dnasweep.genomics.variants`.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import pandas as pd

from dnasweep.errors import InputError
from dnasweep.formats.allele_tables import table_rows
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.content import columnar_kind, file_errors
from dnasweep.formats.packing import GZIP, is_packed, unpack
from dnasweep.formats.paths import check_readable, user_path
from dnasweep.formats.rejects import RejectedRow
from dnasweep.formats.vcf import HEADER, Row, vcf_rows

COLUMNS = ("file", "row", "allele", "id", "chrom", "pos", "ref", "alt")
"""Columns of a table of variants; `allele` counts from 1 within its line, `pos` is 1-based."""
MISSING = ("", "-")
_READABLE = "Give a VCF, plain or packed, or a TSV or CSV."
_MAGIC = 8
_BASES = re.compile(r"[ACGT]+")
_CONTIG = re.compile(
    r"##contig=<(?=(?:.*,)?ID=(?P<name>[^,>]+))(?=(?:.*,)?length=(?P<length>\d{1,12})[,>])"
)
_MAX_POSITION, _MAX_DIGITS = 1 << 40, 13


class Variants(NamedTuple):
    """The variants of some files."""

    table: pd.DataFrame
    """Columns of `COLUMNS`; alleles in upper case. `alt` is empty if bases are deleted without others in
    their place, and `ref` if bases are inserted after `pos`."""
    rejects: list[RejectedRow]
    """Alleles and lines that cannot be used: each input allele is here or in the table."""
    notes: list[str]
    """Messages on how tables are read."""


def read_variants(paths: Sequence[str | Path], *, assembly: str = "") -> Variants:
    """Read the variants of files in order.

    Parameters
    ----------
    paths
        The files.
    assembly
        Assembly of the genome, as from :func:`~dnasweep.formats.assemblies.assembly_of`; "" if it is unknown.

    Raises
    ------
    InputError
        For a file that cannot be read, is of another format, contains no variant or is given twice.
    """
    rows: list[tuple[object, ...]] = []
    rejects: list[RejectedRow] = []
    notes: list[str] = []
    files = list(map(Path, paths))
    for number, path in enumerate(files):
        if path in files[:number]:
            raise InputError("the file is given twice", file=path, remedy="Give it once.")
        before = len(rows) + len(rejects)
        # In a VCF, alleles include the base before a deletion.
        with_anchor, lines = is_vcf(path), open_lines(path)
        for item in (
            vcf_rows(lines, path)
            if with_anchor
            else table_rows(lines, path, assembly=assembly, notes=notes)
        ):
            if isinstance(item, RejectedRow):
                rejects.append(item)
            else:
                _read(item, path, rows, rejects, with_anchor=with_anchor)
        if len(rows) + len(rejects) == before:
            raise InputError(
                "the file contains no variant", file=path, remedy="Give a file with variants."
            )
    return Variants(pd.DataFrame(rows, columns=list(COLUMNS)), rejects, notes)


def short_names(paths: Sequence[str | Path]) -> dict[str, str]:
    """Return the names of files in tables: the file name, or the path where two have the same name.

    Examples
    --------
    >>> short_names(["one/a.vcf", "two/a.vcf", "two/b.vcf"])
    {'one/a.vcf': 'one/a.vcf', 'two/a.vcf': 'two/a.vcf', 'two/b.vcf': 'b.vcf'}
    """
    names = [Path(path).name for path in paths]
    return {
        str(Path(path)): name if names.count(name) == 1 else str(path)
        for path, name in zip(paths, names, strict=True)
    }


def open_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file, decompressed and without line breaks.

    Bytes that are not UTF-8 are kept (Python's `surrogateescape`): they usually occur in columns that
    are not read. :func:`dnasweep.formats.vcf.readable` turns them into text.

    Raises
    ------
    InputError
        For a file that is missing, a corrupt gzip or not text.
    """
    path = user_path(path)
    check_readable(path, holds="variants")
    with file_errors(path, remedy="Check the disk."):
        with path.open("rb") as stream:
            head = stream.read(_MAGIC)
        with _unpacked(path, head) as stream:
            if stream.peek(4)[:3] == b"BCF":
                raise InputError(
                    "is BCF",
                    file=path,
                    remedy=f"Convert it: bcftools view -Oz -o x.vcf.gz {path}.",
                )
            for number, line in enumerate(_utf8(cast(BinaryIO, stream)), start=1):
                if b"\0" in line:
                    raise InputError(
                        "the line is not text",
                        file=path,
                        row=number,
                        remedy=_READABLE,
                    )
                yield line.decode("utf-8", "surrogateescape").rstrip("\r\n")


def _unpacked(path: Path, head: bytes) -> io.BufferedReader | gzip.GzipFile:
    """Open a file, decompressed as its first bytes require; only gzip is decompressed in pieces."""
    if head.startswith(GZIP):
        return gzip.open(path, "rb")
    if kind := columnar_kind(head):
        raise InputError(f"is {kind}, not text", file=path, remedy=_READABLE)
    if is_packed(head):
        return io.BufferedReader(io.BytesIO(unpack(path.read_bytes(), path)))
    return path.open("rb")


def _utf8(stream: BinaryIO) -> Iterator[bytes]:
    """Yield lines without a byte order mark; UTF-16, as saved by spreadsheets, is converted to UTF-8."""
    first = stream.readline()
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = (first + stream.read()).decode("utf-16", "replace")
        yield from (line.encode() for line in text.split("\n"))
    else:
        first = first.removeprefix(codecs.BOM_UTF8)
        if b"\r" in first.rstrip(b"\r\n"):
            # Lines as old Macs end them.
            yield from re.split(rb"\r\n?|\n", first + stream.read())
            return
        if first:
            yield first
        yield from stream


def is_vcf(path: Path) -> bool:
    """Return whether a file declares itself a VCF, or has a VCF header."""
    for line in open_lines(path):
        if line.startswith("##fileformat=VCF"):
            return True
        if line.strip() and not line.startswith("##"):
            return line.startswith(HEADER)
    return False


def check_contigs(path: Path, contigs: Contigs, used: Collection[str]) -> None:
    """Refuse a VCF whose header gives a chromosome with variants another length than the genome has.

    Otherwise a quarter of the substitutions of another assembly would have a REF that fits by chance.

    Parameters
    ----------
    path
        A file of variants; only the header of a VCF is checked.
    contigs
        Records of the genome.
    used
        Names of the chromosomes with variants.

    Raises
    ------
    InputError
        For the first such chromosome.
    """
    for number, line in enumerate(open_lines(path), start=1):
        if line.strip() and not line.startswith("##"):
            return
        match = _CONTIG.match(line)
        if match is None or match["name"] not in used:
            continue
        record = contigs.names([match["name"]]).get(match["name"])
        if record is not None and contigs.lengths[record] != int(match["length"]):
            raise InputError(
                f"the header says that {match['name']} has {int(match['length']):,} bases, but in the genome it "
                f"has {contigs.lengths[record]:,}: the assemblies differ",
                file=path,
                row=number,
                remedy="Give the genome that the variants refer to. If only the header is wrong, remove its "
                "lines ##contig.",
            )


def _read(
    row: Row,
    path: Path,
    rows: list[tuple[object, ...]],
    rejects: list[RejectedRow],
    *,
    with_anchor: bool,
) -> None:
    position = _position(row)
    for number, written in enumerate(row.alt.split(","), start=1):
        alt = written.strip()
        reason, remedy = (
            (position, "")
            if isinstance(position, str)
            else _why_unusable(row.ref, alt, with_anchor, inserted=row.inserted)
        )
        if reason:
            rejects.append(RejectedRow(str(path), row.row, reason, row.text, remedy))
            continue
        ref, alt = ("" if text in MISSING else text.upper() for text in (row.ref, alt))
        rows.append((str(path), row.row, number, row.id, row.chrom, position, ref, alt))


def _position(row: Row) -> int | str:
    """Return the position, or the reason why it is invalid."""
    if not row.chrom:
        return "the chromosome is empty"
    is_number = row.pos.isascii() and row.pos.isdecimal() and len(row.pos) <= _MAX_DIGITS
    if not is_number or not 0 < int(row.pos) < _MAX_POSITION:
        return f"the position {row.pos[:40]!r} is not a whole number of at least 1"
    return int(row.pos)


def _why_unusable(
    ref: str, alt: str, with_anchor: bool, *, inserted: bool = False
) -> tuple[str, str]:
    """Return why an allele, as written, cannot be scored, and the remedy; "" if it can be scored."""
    if with_anchor and alt == ".":
        return "there is no alternative allele", ""
    if alt.startswith("<") or "[" in alt or "]" in alt or alt.startswith(".") or alt.endswith("."):
        return f"the allele {alt} is symbolic, its bases are not written out", ""
    if alt == "*":
        return "the allele * stands for a deletion that another line describes", ""
    if not with_anchor and not alt:
        return "the alternative allele is empty", "Write - for a deletion."
    if not with_anchor and ref in MISSING and not inserted:
        return (
            "the reference allele is empty, so the position of the insertion is ambiguous",
            "Include the preceding base in both alleles, as in VCF.",
        )
    deleted = not with_anchor and alt in MISSING
    for name, text, is_absent in (("REF", ref, inserted), ("ALT", alt, deleted)):
        if not _BASES.fullmatch(text.upper()) and not is_absent:
            remedy = "Separate alternative alleles by commas." if set(text) & set("/|") else ""
            return f"{name} is {text!r}, which has letters other than A, C, G and T", remedy
    if ref.upper() == alt.upper():
        return "REF and ALT are the same", ""
    return "", ""
