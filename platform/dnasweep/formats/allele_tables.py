"""Tables of variants as rows of cells: plain tables, MAF, ClinVar's variant_summary and dbNSFP."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from dnasweep.errors import InputError
from dnasweep.formats.assemblies import assembly_named
from dnasweep.formats.coordinate_origin import without_commas
from dnasweep.formats.rejects import RejectedRow
from dnasweep.formats.vcf import Row, readable

NAMES: dict[str, tuple[str, ...]] = {
    "chrom": ("chrom", "chr", "chromosome"),
    "pos": ("pos", "position"),
    "ref": ("ref", "reference", "ref_allele", "reference_allele"),
    "alt": ("alt", "alternate", "alternative", "alt_allele", "alternate_allele"),
    "id": ("id", "rsid", "rsids", "name"),
    "assembly": ("assembly", "genome_assembly", "ncbi_build", "genome_build"),
}
"""Accepted header names of a TSV or CSV for each column, in upper or lower case; `id` and `assembly` are
optional, and the first of their names that occurs is used."""
_NEEDED = ("chrom", "pos", "ref", "alt")
_VARIANT_NAMES = ("variant_id", "variantid", "variant")
"""Header names of a column with whole variants, as gnomAD, GTEx, Hail and Open Targets write them."""
_VARIANT = re.compile(
    r"(?P<chrom>[\w.]+?)(?P<sign>[-_:])(?P<pos>\d+)(?P=sign)(?P<ref>[ACGT]+)(?:(?P=sign)|>)(?P<alt>[ACGT]+)"
    r"(?:[-_:](?P<assembly>b37|b38|hg19|hg38|GRCh37|GRCh38))?",
    re.IGNORECASE,
)
_SPDI = re.compile(r"[A-Z]{2}_\d+\.\d+:", re.IGNORECASE)
"""Beginning of a variant in the notation of NCBI, whose positions count from 0."""
_MISSING = ("", ".", "-", "na", "n/a")
_SEP = re.compile(r'"?sep=.{1,2}"?$', re.IGNORECASE)


class _Layout(NamedTuple):
    """A layout of tables."""

    name: str
    columns: dict[str, str]
    """Header name of each column, in lower case."""
    assembly: str = ""
    """Assembly of all positions."""
    repeats: bool = False
    """Whether a variant has a row for each of several assemblies."""


_MAF = _Layout(
    "MAF",
    {
        "chrom": "chromosome",
        "pos": "start_position",
        "end": "end_position",
        "ref": "reference_allele",
        "alt": "tumor_seq_allele2",
        "strand": "strand",
        "assembly": "ncbi_build",
        "id": "dbsnp_rs",
    },
)
_CLINVAR = _Layout(
    "ClinVar's variant_summary",
    {
        "chrom": "chromosome",
        "pos": "positionvcf",
        "ref": "referenceallelevcf",
        "alt": "alternateallelevcf",
        "assembly": "assembly",
        "id": "name",
    },
    repeats=True,
)
_ALLELES = {"ref": "ref", "alt": "alt"}
_DBNSFP, _DBNSFP_37 = (
    _Layout("dbNSFP", {"chrom": chrom, "pos": pos, **_ALLELES}, assembly)
    for chrom, pos, assembly in (
        ("chr", "pos(1-based)", "GRCh38"),
        ("hg19_chr", "hg19_pos(1-based)", "GRCh37"),
    )
)


def table_rows(
    lines: Iterable[str], path: Path, *, assembly: str, notes: list[str]
) -> Iterator[Row | RejectedRow]:
    """Yield the rows of a table with a header, separated by tabs, commas or semicolons.

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
    layout = _layout_of(names, assembly, path, header.row)
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
        reason, remedy = _maf_fault(cell) if layout.name == _MAF.name else "", ""
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
        chrom, written, ref, alt = (cell[c] for c in _NEEDED)
        pos = without_commas(written)
        has_commas = has_commas or pos != written
        inserted = layout.name == _MAF.name and ref == "-"
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
            separator = max("\t,;", key=lambda one: _num_known(line, one))
        elif line.startswith("#"):
            continue
        yield _Cells(number, _split(line, separator), readable(line))


def _is_comment(line: str) -> bool:
    """Return whether a line above the header is a comment, not a header that begins with #."""
    known = max(_num_known(line, one)[0] for one in ",;")
    return line.startswith("#") and "\t" not in line and known < 2


def _split(line: str, separator: str) -> list[str] | None:
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
    known = {name for names in NAMES.values() for name in names}
    cells = [cell.strip().strip('"').lower().lstrip("#") for cell in header.split(separator)]
    return sum(cell in known for cell in cells), len(cells)


def _layout_of(names: Sequence[str], assembly: str, path: Path, row: int) -> _Layout:
    """Return the published layout that a header has, or that of a plain table."""
    dbnsfp = (_DBNSFP_37, _DBNSFP) if assembly == "GRCh37" else (_DBNSFP,)
    for layout in (_MAF, _CLINVAR, *dbnsfp):
        if all(layout.columns[column] in names for column in _NEEDED):
            found = {c: name for c, name in layout.columns.items() if name in names}
            return layout._replace(columns=found)
    whole = [name for name in names if name in _VARIANT_NAMES]
    if len(whole) == 1 and not any(name in names for column in _NEEDED for name in NAMES[column]):
        others = {c: [n for n in NAMES[c] if n in names] for c in NAMES if c not in _NEEDED}
        return _Layout("", {"variant": whole[0]} | {c: n[0] for c, n in others.items() if n})
    columns: dict[str, str] = {}
    for column, accepted in NAMES.items():
        found_here = [name for name in names if name in accepted]
        if column not in _NEEDED:
            found_here = sorted(found_here, key=accepted.index)[:1]
        if len(found_here) > 1 or (not found_here and column in _NEEDED):
            remedy = (
                f"Keep one of {', '.join(found_here)}."
                if found_here
                else "Give a VCF, a MAF, or a table with a header such as chrom, pos, ref, alt, id."
            )
            raise InputError(
                f"the header has {'two columns' if found_here else 'no column'} for {column}",
                file=path,
                row=row,
                remedy=remedy,
            )
        columns |= dict.fromkeys([column][: len(found_here)], found_here[0] if found_here else "")
    return _Layout("", columns)


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
