"""The lines of a VCF as rows of cells; :mod:`.variant_files` opens the files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from dnasweep.errors import InputError
from dnasweep.formats.rejects import RejectedRow

HEADER = "#CHROM\tPOS\tID\tREF\tALT"
"""The beginning of the header of a VCF."""
_NUM_READ, _NUM_FIXED = 5, 8
"""Number of columns of a VCF that are read, and number that every VCF has."""


class Row(NamedTuple):
    """The cells of a line, as written."""

    row: int
    id: str
    chrom: str
    pos: str
    ref: str
    alt: str
    text: str
    inserted: bool = False
    """Whether the alternative allele is inserted after `pos`, without a reference allele."""


def readable(text: str) -> str:
    """Return text that can be shown and stored: bytes that are not UTF-8 are read as Latin-1."""
    if text.isascii():
        return text
    data = text.encode("utf-8", "surrogateescape")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def vcf_rows(lines: Iterable[str], path: Path) -> Iterator[Row | RejectedRow]:
    """Yield the rows of a VCF.

    Raises
    ------
    InputError
        For a file without a header.
    """
    num_columns = 0
    for number, line in enumerate(lines, start=1):
        if line.startswith("##") or not line:
            continue
        if line.startswith("#"):
            if not num_columns and not line.startswith(HEADER):
                raise InputError(
                    f"the header is {readable(line[:60])!r}",
                    file=path,
                    row=number,
                    remedy="Begin it with #CHROM POS ID REF ALT, separated by tabs.",
                )
            num_columns = num_columns or line.count("\t") + 1
            continue
        if not num_columns:
            raise InputError(
                "a variant comes before the line #CHROM",
                file=path,
                row=number,
                remedy="Add the header to the file.",
            )
        cells = line.split("\t", _NUM_FIXED)
        # A truncated line may have lost part of its last allele.
        if len(cells) < min(_NUM_FIXED, num_columns):
            reason = (
                f"the line has {len(cells)} columns, but a VCF has at least 8, separated by tabs"
            )
            yield RejectedRow(str(path), number, reason, readable(line))
            continue
        chrom, pos, name, ref, alt = map(readable, cells[:_NUM_READ])
        yield Row(number, "" if name == "." else name, chrom, pos, ref, alt, readable(line))
