"""Tables of variants as rows of cells: plain tables, MAF, ClinVar's variant_summary and dbNSFP."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from dnasweep.errors import InputError
from dnasweep.formats.allele_layouts import MAF, NAMES, NEEDED, layout_of
from dnasweep.formats.assemblies import assembly_named
from dnasweep.formats.coordinate_origin import without_commas
from dnasweep.formats.rejects import RejectedRow
from dnasweep.formats.vcf import Row, readable

_VARIANT = re.compile(
    r"(?P<chrom>[\w.]+?)(?P<sign>[-_:])(?P<pos>\d+)(?P=sign)(?P<ref>[ACGT]+)(?:(?P=sign)|>)(?P<alt>[ACGT]+)"
    r"(?:[-_:](?P<assembly>b37|b38|hg19|hg38|GRCh37|GRCh38))?",
    re.IGNORECASE,
)
_SPDI = re.compile(r"[A-Z]{2}_\d+\.\d+:", re.IGNORECASE)
"""Beginning of a variant in the notation of NCBI, whose positions count from 0."""
_MISSING = ("", ".", "-", "na", "n/a")
_DECIMALS = re.compile(r"(?<=\d)\.0+$")
_SEP = re.compile(r'"?sep=.{1,2}"?$', re.IGNORECASE)


def table_rows(
    lines: Iterable[str], path: Path, *, assembly: str, notes: list[str]
) -> Iterator[Row | RejectedRow]:
    """Yield the rows of a table with a header, separated by tabs, commas, semicolons or spaces.

    Comments (#) and Excel's `sep=;` may precede the header.

    Parameters
    ----------
    lines
        Lines of the file.
    path
        The file, for messages.
    assembly
        Assembly of the genome; "" if it is unknown.
    notes
        Messages on how the table is read; appended to.

    Raises
    ------
    InputError
        For a table without a required column, with two columns of the same meaning, or whose rows are of
        another assembly than the genome, or of several.
    """
    rows = _rows(lines)
    header = next(rows, None)
    if header is None:
        raise InputError("the file is empty", file=path, remedy="Give a file with variants.")
    names = [name.lower().removeprefix("#").strip() for name in header.cells or [header.text]]
    layout = layout_of(names, assembly, path, header.row)
    at = {column: names.index(name) for column, name in layout.columns.items()}
    skipped, num_read, first, has_commas = Counter[str](), 0, "", False
    for row in rows:
        if reason := _fault(row, len(names)):
            yield RejectedRow(str(path), row.row, reason, row.text)
            continue
        assert row.cells is not None
        cell = {column: row.cells[i] for column, i in at.items()}
        if "variant" in cell:
            if (match := _VARIANT.fullmatch(cell["variant"])) is None:
                reason = f"{cell['variant'][:40]!r} is not a variant such as chr1_1000_A_C"
                yield RejectedRow(str(path), row.row, reason, row.text)
                continue
            if _SPDI.match(cell["variant"]):
                reason = (
                    f"{cell['variant'][:40]!r} may be SPDI, whose positions count from 0, or not"
                )
                remedy = "Give columns chrom, pos, ref and alt; pos counts from 1."
                yield RejectedRow(str(path), row.row, reason, row.text, remedy)
                continue
            told_beside = cell.get("assembly", "")
            cell |= match.groupdict(default="")
            cell["assembly"] = cell["assembly"] or told_beside
        told = assembly_named(cell.get("assembly", layout.assembly))
        told = "" if told.lower() in _MISSING else told
        first = first or told
        if told and not assembly and told != first:
            raise InputError(
                f"the row is of {told}, and earlier ones of {first}",
                file=path,
                row=row.row,
                remedy="Keep only the rows of the assembly of the genome.",
            )
        is_other = bool(told and assembly and told != assembly)
        if is_other and layout.repeats:
            skipped[told] += 1
            continue
        num_read += 1
        reason, remedy = _maf_fault(cell) if layout.name == MAF.name else "", ""
        if is_other:
            reason = f"the row is of {told}, but the genome has the chromosomes of {assembly}"
            if "assembly" in at:
                remedy = (
                    f"If {layout.columns['assembly']} is wrong, leave this column out: REF is compared with "
                    "the genome all the same."
                )
        if reason:
            yield RejectedRow(str(path), row.row, reason, row.text, remedy)
            continue
        chrom, written, ref, alt = (cell[c] for c in NEEDED)
        # Whole numbers are decimals in a table that was joined with missing values.
        pos = _DECIMALS.sub("", without_commas(written))
        has_commas = has_commas or "," in written
        inserted = layout.name == MAF.name and ref == "-"
        yield Row(row.row, cell.get("id", ""), chrom, pos, ref, alt, row.text, inserted)
    if skipped and not num_read:
        raise InputError(
            f"the rows are of {' and '.join(skipped)}, but the genome has the chromosomes of {assembly}",
            file=path,
            remedy="Give variants and genome of one assembly.",
        )
    if layout.name:
        which = layout.columns["pos"] + (f", of {assembly or first}" if first else "")
        notes.append(f"{path.name}: read as {layout.name}, with the positions in {which}")
    if "variant" in at:
        notes.append(
            f"{path.name}: variants are read from {layout.columns['variant']}, REF before ALT"
        )
    if has_commas:
        notes.append(f"{path.name}: commas in positions separate thousands")
    notes += [
        f"{path.name}: {num:,} rows of {told} are not read, since the genome has the chromosomes of {assembly}"
        for told, num in skipped.items()
    ]


class _Cells(NamedTuple):
    """A line that is not a comment."""

    row: int
    cells: list[str] | None
    """None if a quotation mark is not closed."""
    text: str


def _rows(lines: Iterable[str]) -> Iterator[_Cells]:
    """Yield the header and the rows."""
    separator = ""
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("##"):
            continue
        if not separator:
            if _SEP.match(line) or _is_comment(line):
                continue
            separator = max("\t,; ", key=lambda one: _num_known(line, one))
        elif line.startswith("#"):
            continue
        yield _Cells(number, _split(line, separator), readable(line))


def _is_comment(line: str) -> bool:
    """Return whether a line above the header is a comment, not a header that begins with #."""
    known = max(_num_known(line, one)[0] for one in ",;")
    return line.startswith("#") and "\t" not in line and known < 2


def _split(line: str, separator: str) -> list[str] | None:
    """Return the cells of a line without quotation marks; None if a quotation mark is not closed."""
    if separator == " " and '"' not in line:
        return list(map(readable, line.split()))
    if '"' not in line:
        return [readable(cell.strip()) for cell in line.split(separator)]
    try:
        (cells,) = csv.reader([line], delimiter=separator, skipinitialspace=True, strict=True)
    except csv.Error:
        return None
    return [readable(cell.strip()) for cell in cells]


def _num_known(header: str, separator: str) -> tuple[int, int]:
    """Return how many names of a header are accepted names, and how many names it has."""
    known = {name for names in NAMES.values() for name in names}
    parts = header.split() if separator == " " else header.split(separator)
    cells = [cell.strip().strip('"').lower().lstrip("#") for cell in parts]
    num = sum(cell in known for cell in cells)
    # Names within a header may have spaces.
    return (num if separator != " " or num > 2 else 0), len(cells) * (separator != " ")


def _fault(row: _Cells, num_columns: int) -> str:
    """Return why a row cannot be read, "" if it can; empty cells beyond the header are removed."""
    if row.cells is None:
        return "a quotation mark is not closed"
    while len(row.cells) > num_columns and not row.cells[-1]:
        row.cells.pop()
    if len(row.cells) != num_columns:
        return f"the row has {len(row.cells)} cells, but there are {num_columns} columns"
    return ""


def _maf_fault(cell: dict[str, str]) -> str:
    """Return why a row of a MAF cannot be read, "" if it can."""
    if cell.get("strand") == "-":
        return "the strand is -, but the alleles of a MAF are those of the forward strand"
    start, end = cell["pos"], cell.get("end", "")
    if cell["ref"] == "-" and (not start.isdecimal() or end != str(int(start) + 1)):
        return "the positions of the insertion are not those of the bases before and after it"
    return ""
