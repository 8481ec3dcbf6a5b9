"""The lines of a VCF or of a table of variants, as rows of cells; :mod:`.variant_files` opens the files."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from dnasweep.errors import InputError
from dnasweep.formats.rejects import RejectedRow

HEADER = "#CHROM\tPOS\tID\tREF\tALT"
"""The beginning of the header of a VCF."""
TSV_NAMES: dict[str, tuple[str, ...]] = {
    "chrom": ("chrom", "chr", "#chrom", "chromosome"),
    "pos": ("pos", "position"),
    "ref": ("ref", "reference", "ref_allele", "reference_allele"),
    "alt": ("alt", "alternate", "alternative", "alt_allele", "alternate_allele"),
    "id": ("id", "rsid", "rsids", "name"),
}
"""Accepted header names of a TSV or CSV for each column, in upper or lower case; `id` is optional, and
the first of its names that occurs is used."""
_SEP = re.compile(r'"?sep=.{1,2}"?$', re.IGNORECASE)
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


def table_rows(lines: Iterable[str], path: Path) -> Iterator[Row | RejectedRow]:
    """Yield the rows of a table with a header, separated by tabs, commas or semicolons.

    Comments (#) and Excel's `sep=;` may precede the header.

    Raises
    ------
    InputError
        For a table without a required column, or with two columns of the same meaning.
    """
    names: list[str] = []
    separator = "\t"
    at: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("##"):
            continue
        if not names and (_SEP.match(line) or _is_comment(line)):
            continue
        if not names:
            separator = max("\t,;", key=lambda one: _num_known(line, one))
            names = [name.strip().lower() for name in _cells(line, separator) or [line]]
            at = _columns(names, path, number)
            continue
        if line.startswith("#"):
            continue
        cells = _cells(line, separator)
        if cells is None:
            yield RejectedRow(str(path), number, "a quotation mark is not closed", readable(line))
            continue
        while len(cells) > len(names) and not cells[-1]:
            cells.pop()
        if len(cells) != len(names):
            reason = f"the row has {len(cells)} cells, but there are {len(names)} columns"
            yield RejectedRow(str(path), number, reason, readable(line))
            continue
        chrom, pos, ref, alt = (cells[at[c]] for c in ("chrom", "pos", "ref", "alt"))
        name = cells[at["id"]] if "id" in at else ""
        yield Row(number, name, chrom, pos, ref, alt, readable(line))
    if not names:
        raise InputError("the file is empty", file=path, remedy="Give a file with variants.")


def _is_comment(line: str) -> bool:
    """Return whether a line above the header is a comment, not a header that begins with #."""
    known = max(_num_known(line, one)[0] for one in ",;")
    return line.startswith("#") and "\t" not in line and known < 2


def _cells(line: str, separator: str) -> list[str] | None:
    """Return the cells of a line without quotation marks; None if a quotation mark is not closed."""
    if '"' not in line:
        return [readable(cell.strip()) for cell in line.split(separator)]
    try:
        (cells,) = csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True)
    except csv.Error:
        return None
    return [readable(cell.strip()) for cell in cells]


def _num_known(header: str, separator: str) -> tuple[int, int]:
    """Return how many names of a header are accepted names, and how many names it has."""
    known = {name for names in TSV_NAMES.values() for name in names}
    cells = [cell.strip().strip('"').lower() for cell in header.split(separator)]
    return sum(cell in known for cell in cells), len(cells)


def _columns(names: Sequence[str], path: Path, row: int) -> dict[str, int]:
    """Return the index of each column."""
    at: dict[str, int] = {}
    for column, accepted in TSV_NAMES.items():
        found = [i for i, name in enumerate(names) if name in accepted]
        if column == "id":
            found = sorted(found, key=lambda i: accepted.index(names[i]))[:1]
        if len(found) > 1 or (not found and column != "id"):
            raise InputError(
                f"the header has {'two columns' if found else 'no column'} for {column}",
                file=path,
                row=row,
                remedy=f"Give a VCF, or a TSV with a header such as {', '.join(TSV_NAMES)}.",
            )
        if found:
            at[column] = found[0]
    return at
