"""Variants as files give them: VCF, plain, gzip or bgzip, and TSV; one row an alternative allele.

Only what says where a variant is and what it changes is read. Whatever cannot be scored by anybody
(a symbolic allele, a letter that is no base) is a fault with its line; whether it fits a genome is
found out in :mod:`dnasweep.genome.variants`.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dnasweep.errors import InputError
from dnasweep.genome.faults import Fault

COLUMNS = ("file", "row", "allele", "id", "chrom", "pos", "ref", "alt")
"""Columns of a table of variants; `allele` counts from 1 within its line, `pos` is 1-based."""
TSV_NAMES: dict[str, tuple[str, ...]] = {
    "chrom": ("chrom", "chr", "#chrom", "chromosome"),
    "pos": ("pos", "position"),
    "ref": ("ref", "reference"),
    "alt": ("alt", "alternate", "alternative"),
    "id": ("id", "name", "rsid"),
}
"""Header names of a TSV or CSV by column, in any case; `id` is not needed."""
MISSING = ("", "-")
_BASES = re.compile(r"[ACGT]+")
_FEWEST = 5
_FARTHEST = 1 << 40


class Variants(NamedTuple):
    """What a file holds."""

    table: pd.DataFrame
    """Columns of `COLUMNS`; alleles in upper case, `ref` or `alt` empty where a TSV leaves it out."""
    faults: list[Fault]
    """Alleles and lines that cannot be used: each input allele is here or in the table."""


class _Row(NamedTuple):
    row: int
    id: str
    chrom: str
    pos: str
    ref: str
    alt: str
    text: str


def read_variants(paths: Sequence[str | Path]) -> Variants:
    """Read the variants of files in order.

    Raises
    ------
    InputError
        For a file that cannot be read, is of another format or holds no variant at all.
    """
    rows: list[tuple[object, ...]] = []
    faults: list[Fault] = []
    for path in map(Path, paths):
        before = len(rows) + len(faults)
        with_anchor = True
        for item in _rows_of(path):
            if isinstance(item, bool):
                with_anchor = item
            elif isinstance(item, Fault):
                faults.append(item)
            else:
                _read(item, path, rows, faults, with_anchor=with_anchor)
        if len(rows) + len(faults) == before:
            raise InputError("the file holds no variant", file=path)
    return Variants(pd.DataFrame(rows, columns=list(COLUMNS)), faults)


def short_names(paths: Sequence[str | Path]) -> dict[str, str]:
    """Return what files are called in tables: their name, and the path where two have one name."""
    names = [Path(path).name for path in paths]
    return {
        str(Path(path)): name if names.count(name) == 1 else str(path)
        for path, name in zip(paths, names, strict=True)
    }


def open_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a text file, gzip or bgzip undone, without their ends.

    Raises
    ------
    InputError
        For a file that is missing, a corrupt gzip or not text.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise InputError("there is no such file", file=path, remedy="Check the path.")
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path, "rb") if packed else path.open("rb") as stream:
            if stream.peek(4)[:3] == b"BCF":  # type: ignore[union-attr]
                raise InputError(
                    "is BCF",
                    file=path,
                    remedy=f"Convert it: bcftools view -Oz -o x.vcf.gz {path}.",
                )
            for number, line in enumerate(stream, start=1):
                try:
                    yield line.decode("utf-8").rstrip("\r\n")
                except UnicodeDecodeError:
                    raise InputError("the line is not text", file=path, row=number) from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            "the gzip data is corrupt or cut short",
            file=path,
            remedy="Fetch the file again; gzip -t checks it.",
        ) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from error


def is_vcf(path: Path) -> bool:
    """Return whether a file begins as a VCF does."""
    first = next(open_lines(path), "")
    return first.startswith(("##", "#CHROM\tPOS\tID\tREF\tALT"))


def _rows_of(path: Path) -> Iterator[_Row | Fault | bool]:
    """Yield rows; first, whether their alleles hold the base before a deletion, as VCF's do."""
    if is_vcf(path):
        yield True
        yield from _vcf_rows(path)
    else:
        yield False
        yield from _tsv_rows(path)


def _vcf_rows(path: Path) -> Iterator[_Row | Fault]:
    header = False
    for number, line in enumerate(open_lines(path), start=1):
        if line.startswith("##") or not line:
            continue
        if line.startswith("#"):
            header = True
            continue
        if not header:
            raise InputError(
                "a variant stands before the line #CHROM",
                file=path,
                row=number,
                remedy="Give the file its header.",
            )
        cells = line.split("\t", _FEWEST)
        if len(cells) < _FEWEST:
            reason = f"the line has {len(cells)} columns, a VCF has at least 8, parted by tabs"
            yield Fault(str(path), number, reason, line)
            continue
        chrom, pos, name, ref, alt = cells[:_FEWEST]
        yield _Row(number, "" if name == "." else name, chrom, pos, ref, alt, line)


def _tsv_rows(path: Path) -> Iterator[_Row | Fault]:
    lines = enumerate(open_lines(path), start=1)
    _, first = next(lines, (1, ""))
    if not first:
        raise InputError("the file is empty", file=path, remedy="Give a file with variants.")
    separator = "\t" if "\t" in first else ","
    names = [name.strip().strip('"').lower() for name in first.split(separator)]
    at: dict[str, int] = {}
    for column, accepted in TSV_NAMES.items():
        found = [i for i, name in enumerate(names) if name in accepted]
        if len(found) > 1 or (not found and column != "id"):
            raise InputError(
                f"the header has {'two columns' if found else 'no column'} for {column}",
                file=path,
                row=1,
                remedy=f"Give a VCF, or a TSV with a header such as {', '.join(TSV_NAMES)}.",
            )
        if found:
            at[column] = found[0]
    for number, line in lines:
        if not line.strip():
            continue
        cells = [cell.strip().strip('"') for cell in line.split(separator)]
        if len(cells) != len(names):
            reason = f"the row has {len(cells)} cells where there are {len(names)} columns"
            yield Fault(str(path), number, reason, line)
            continue
        chrom, pos, ref, alt = (cells[at[c]] for c in ("chrom", "pos", "ref", "alt"))
        yield _Row(number, cells[at["id"]] if "id" in at else "", chrom, pos, ref, alt, line)


def _read(
    row: _Row,
    path: Path,
    rows: list[tuple[object, ...]],
    faults: list[Fault],
    *,
    with_anchor: bool,
) -> None:
    place = _place(row)
    for number, alt in enumerate(row.alt.split(","), start=1):
        reason, remedy = (
            (place, "") if isinstance(place, str) else _why_not(row.ref, alt, with_anchor)
        )
        if reason:
            faults.append(Fault(str(path), row.row, reason, row.text, remedy))
            continue
        ref, alt = ("" if text in MISSING else text.upper() for text in (row.ref, alt))
        rows.append((str(path), row.row, number, row.id, row.chrom, place, ref, alt))


def _place(row: _Row) -> int | str:
    """Return the position, or what is wrong with it."""
    if not row.chrom:
        return "the chromosome is empty"
    if not row.pos.isdecimal() or not 0 < int(row.pos) < _FARTHEST:
        return f"the position {row.pos!r} is no whole number from 1 on"
    return int(row.pos)


def _why_not(ref: str, alt: str, with_anchor: bool) -> tuple[str, str]:
    """Return why an allele, as it is written, cannot be scored, and what to do; "" where it can."""
    if with_anchor and alt == ".":
        return "there is no alternative allele", ""
    if alt.startswith("<") or "[" in alt or "]" in alt or alt.startswith(".") or alt.endswith("."):
        return f"the allele {alt} is symbolic, its bases are not written out", ""
    if alt == "*":
        return "the allele * stands for a deletion that another line describes", ""
    if not with_anchor and ref in MISSING:
        return (
            "the reference allele is empty, so it is not certain where the insertion stands",
            "Write the base before it with both alleles, as VCF does.",
        )
    deleted = not with_anchor and alt in MISSING
    for name, text in (("REF", ref), ("ALT", alt)):
        if not _BASES.fullmatch(text.upper()) and not (deleted and name == "ALT"):
            return f"{name} is {text!r}, which is not made of A, C, G and T", ""
    if ref.upper() == alt.upper():
        return "REF and ALT are the same", ""
    return "", ""
