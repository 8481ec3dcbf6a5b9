"""The layouts of tables of variants: plain tables, MAF, ClinVar's variant_summary and dbNSFP, by their headers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dnasweep.errors import InputError

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
NEEDED = ("chrom", "pos", "ref", "alt")
VARIANT_NAMES = ("variant_id", "variantid", "variant")
"""Header names of a column with whole variants, as gnomAD, GTEx, Hail and Open Targets write them."""
_HGVS = re.compile(r"\bhgvs|:[cgmnr]\.|^[cgmnr]\.\d")
_RS_NUMBER = re.compile(r"rs\d+")
_VEP = "for example with Ensembl's VEP"
_SHOWN = 8


class Layout(NamedTuple):
    """A layout of tables."""

    name: str
    columns: dict[str, str]
    """Header name of each column, in lower case."""
    assembly: str = ""
    """Assembly of all positions."""
    repeats: bool = False
    """Whether a variant has a row for each of several assemblies."""


MAF = Layout(
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
CLINVAR = Layout(
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
    Layout("dbNSFP", {"chrom": chrom, "pos": pos, **_ALLELES}, assembly)
    for chrom, pos, assembly in (
        ("chr", "pos(1-based)", "GRCh38"),
        ("hg19_chr", "hg19_pos(1-based)", "GRCh37"),
    )
)


def layout_of(names: Sequence[str], assembly: str, path: Path, row: int) -> Layout:
    """Return the published layout that a header has, or that of a plain table.

    Parameters
    ----------
    names
        Names of the header, in lower case.
    assembly
        Assembly of the genome; "" if it is unknown.
    path, row
        The file and the row of the header, for messages.

    Raises
    ------
    InputError
        For a header that lacks a required column or has two of the same meaning.
    """
    dbnsfp = (_DBNSFP_37, _DBNSFP) if assembly == "GRCh37" else (_DBNSFP,)
    for layout in (MAF, CLINVAR, *dbnsfp):
        if all(layout.columns[column] in names for column in NEEDED):
            found = {c: name for c, name in layout.columns.items() if name in names}
            return layout._replace(columns=found)
    whole = [name for name in names if name in VARIANT_NAMES]
    if len(whole) == 1 and not any(name in names for column in NEEDED for name in NAMES[column]):
        others = {c: [n for n in NAMES[c] if n in names] for c in NAMES if c not in NEEDED}
        return Layout("", {"variant": whole[0]} | {c: n[0] for c, n in others.items() if n})
    columns: dict[str, str] = {}
    for column, accepted in NAMES.items():
        found_here = [name for name in names if name in accepted]
        if column not in NEEDED:
            found_here = sorted(found_here, key=accepted.index)[:1]
        if len(found_here) > 1 or (not found_here and column in NEEDED):
            if not found_here:
                raise _lacking(column, names, path, row)
            raise InputError(
                f"the header has two columns for {column}",
                file=path,
                row=row,
                remedy=f"Keep one of {', '.join(found_here)}.",
            )
        columns |= dict.fromkeys([column][: len(found_here)], found_here[0] if found_here else "")
    return Layout("", columns)


def _lacking(column: str, names: Sequence[str], path: Path, row: int) -> InputError:
    """Return the error for a header without a required column, with what the file seems to be instead."""
    found = ", ".join(name or "(no name)" for name in names[:_SHOWN]) + ", ..." * (
        len(names) > _SHOWN
    )
    reason = f"the header has no column for {column}: found {found}"
    remedy = "Give a VCF, a MAF, or a table with a header such as chrom, pos, ref, alt, id."
    if names[0].startswith(("[", "{")):
        reason, remedy = "is JSON", "Give a VCF, or a table with columns chrom, pos, ref and alt."
    elif any(name.isdecimal() for name in names) and sum(map(_is_dna, names)) > 1:
        reason = f"there is no header: row {row} is already a variant"
        remedy = "Add a first line with the names of the columns, such as chrom, pos, ref, alt; pos counts from 1."
    elif any(_HGVS.search(name) for name in names):
        reason = f"variants in HGVS are not read: found {found}"
        remedy = f"Convert them to VCF, {_VEP}."
    elif any(_RS_NUMBER.fullmatch(name) or name in NAMES["id"] for name in names) and not {
        *names
    } & {name for needed in NEEDED for name in NAMES[needed]}:
        reason = f"names of variants are not looked up: found {found}"
        remedy = f"Convert them to VCF, {_VEP}, in the assembly of the genome."
    elif column == "pos" and "start" in names:
        remedy = "Name start pos if it counts from 1; if it counts from 0, as in BED, add 1 to it first."
    return InputError(reason, file=path, row=row, remedy=remedy)


def _is_dna(cell: str) -> bool:
    return bool(cell) and not set(cell) - set("acgt-")
