"""Variants on a genome: checked against it, normalised, and cut out with what surrounds them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd
import pyfaidx

from dnasweep.errors import InputError
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.rejects import RejectedRow
from dnasweep.genomics.alleles import Fetch, flanks, normalise

WIDEST = 1 << 24
"""Bases of a window at most."""
MAX_UNKNOWN = 0.05
"""Part of a context that may be no known base."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The windows that variants are looked at in."""

    window: int
    """Bases of a window."""
    shifts: tuple[int, ...] = ()
    """Bases by which further windows are moved, beside the centred one, in the direction in which
    each strand is read."""

    def __post_init__(self) -> None:
        if not 2 <= self.window <= WIDEST:
            raise ValueError(f"window is {self.window}, use 2 to {WIDEST:,} bases")
        if any(abs(shift) >= self.window // 2 for shift in self.shifts):
            raise ValueError(
                f"shifts is {self.shifts}, use moves of less than half the window of {self.window}"
            )
        if 0 in self.shifts or len(set(self.shifts)) < len(self.shifts):
            raise ValueError(f"shifts is {self.shifts}, name each once, and 0 goes without saying")

    @property
    def lead(self) -> int:
        """Bases of the centred window before a variant, on either strand."""
        return self.window // 2


class Region(NamedTuple):
    """A part of a chromosome."""

    chrom: str
    start: int
    """First base, from 0."""
    end: int
    """One past the last base."""

    def __str__(self) -> str:
        return f"{self.chrom}:{self.start + 1}-{self.end}"

    @classmethod
    def parse(cls, text: str, contigs: Contigs) -> Region:
        """Read `chr1:1,000-2,000`, both ends included and counted from 1, or a whole record.

        Raises
        ------
        InputError
            For another form, or a region that is not on the genome.
        """
        match = None if text in contigs.lengths else _REGION.fullmatch(text)
        chrom = contigs.record(match["chrom"] if match else text)
        length = contigs.lengths[chrom]
        if match is None:
            return cls(chrom, 0, length)
        first, last = (position(match[name]) for name in ("first", "last"))
        if not 1 <= first <= last <= length:
            raise InputError(
                f"the region {text} is not on {chrom}, which has {length:,} bases",
                file=contigs.genome,
                remedy="Give it as chrom:first-last, both included, counted from 1.",
            )
        return cls(chrom, first - 1, last)


_REGION = re.compile(r"(?P<chrom>.+):(?P<first>[0-9,]+)-(?P<last>[0-9,]+)")


def position(text: str) -> int:
    """Return a number written with commas or underscores; 0 where no chromosome has it."""
    digits = text.replace(",", "").replace("_", "")
    return int(digits) if 0 < len(digits) <= 15 else 0


class PlacedVariants(NamedTuple):
    """Variants that can be scored, and those that cannot."""

    table: pd.DataFrame
    """One row an allele, in the order given: the columns read, chrom as the genome calls it, `pos`,
    `ref` and `alt` normalised, what was written as `given_pos`, `given_ref` and `given_alt`, and
    `CUT` as :class:`dnasweep.genomics.alleles.Allele` has them."""
    faults: list[RejectedRow]
    """The others."""


def place_variants(
    table: pd.DataFrame, fasta: pyfaidx.Fasta, contigs: Contigs, frame: Frame
) -> PlacedVariants:
    """Check variants against a genome and cut them out.

    Parameters
    ----------
    table
        As :func:`dnasweep.formats.vcf.read_variants` returns it.
    fasta
        The open genome.
    contigs
        Its records.
    frame
        The windows to come.
    """
    known = contigs.names(table["chrom"].unique())
    rows: list[tuple[object, ...]] = []
    faults: list[RejectedRow] = []
    row: Any
    for row in table.itertuples(index=False):
        text = f"{row.chrom} {row.pos} {row.id or '.'} {row.ref or '-'} {row.alt or '-'}"
        name = known.get(row.chrom)
        if name is None:
            faults.append(RejectedRow(row.file, row.row, *_strange(contigs, row.chrom, text)))
            continue
        length, fetch = contigs.lengths[name], _reader(fasta, name)
        start = row.pos - 1
        reason = _unplaced(row.ref, start, length, name, fetch)
        if reason:
            faults.append(RejectedRow(row.file, row.row, reason, text, _OTHER))
            continue
        at, ref, alt = normalise(fetch, start, row.ref, row.alt)
        around = flanks(
            fetch,
            length,
            at,
            ref,
            alt,
            lead=frame.lead,
            shifts=frame.shifts,
            window=frame.window,
        )
        reason = _unfit(around.context, max(len(ref), len(alt)), frame)
        if reason:
            faults.append(RejectedRow(row.file, row.row, reason, text))
            continue
        given = (row.pos, row.ref, row.alt)
        found = tuple(getattr(around, name) for name in CUT)
        rows.append(
            (row.file, row.row, row.allele, row.id, name, at + 1, ref, alt, *given, *found)
        )
    return PlacedVariants(pd.DataFrame(rows, columns=list(PLACED)), faults)


CUT = ("context", "offset", "lead", "other_offset", "other_lead")
"""Columns that say what surrounds a variant."""
PLACED = (
    *("file", "row", "allele", "id", "chrom", "pos", "ref", "alt"),
    *("given_pos", "given_ref", "given_alt", *CUT),
)
"""Columns of placed variants."""
_OTHER = "Check that the variants are of this assembly of the genome."


def saturate(region: Region, fasta: pyfaidx.Fasta, contigs: Contigs, frame: Frame) -> pd.DataFrame:
    """Return every substitution of a base in a region, as placed variants.

    A region no longer than the window is looked at in one window around its middle, so that all
    substitutions share their surroundings; in a longer one each has the window around itself. Bases
    that are not A, C, G or T are left out.

    Raises
    ------
    InputError
        Where the genome has no known base in the region.
    """
    fetch, length = _reader(fasta, region.chrom), contigs.lengths[region.chrom]
    bases = fetch(region.start, region.end)
    middle = (region.start + region.end) // 2
    other_middle = (2 * length - region.end - region.start) // 2
    whole = region.end - region.start <= frame.window - 2 * max(map(abs, (0, *frame.shifts)))
    rows = []
    for start, ref in enumerate(bases, start=region.start):
        lead = other_lead = frame.lead
        if whole:
            lead, other_lead = lead + start - middle, lead + length - 1 - start - other_middle
        for number, alt in enumerate("ACGT".replace(ref, ""), start=1):
            if ref not in "ACGT":
                continue
            around = flanks(
                fetch,
                length,
                start,
                ref,
                alt,
                lead=lead,
                other_lead=other_lead,
                shifts=frame.shifts,
                window=frame.window,
            )
            given = (start + 1, ref, alt)
            found = tuple(getattr(around, name) for name in CUT)
            place = (str(region), start - region.start + 1, number, "", region.chrom)
            rows.append((*place, *given, *given, *found))
    if not rows:
        raise InputError(f"the genome has no known base in {region}", file=contigs.genome)
    return pd.DataFrame(rows, columns=list(PLACED))


def _strange(contigs: Contigs, name: str, text: str) -> tuple[str, str, str]:
    try:
        contigs.record(name)
    except InputError as error:
        return error.reason, text, error.remedy or ""
    raise AssertionError(name)


def _reader(fasta: pyfaidx.Fasta, name: str) -> Fetch:
    record = fasta[name]
    return lambda start, end: str(record[start:end])


def _unplaced(ref: str, start: int, length: int, name: str, fetch: Fetch) -> str:
    """Return why a reference allele does not stand where it is said to; "" where it does."""
    end = start + len(ref)
    if end > length:
        return f"bases {start + 1:,} to {end:,} reach over the end of {name}, which has {length:,}"
    there = fetch(start, end)
    if there != ref:
        return f"REF is {_short(ref)}, the genome has {_short(there)} at {name}:{start + 1}"
    return ""


def _unfit(context: str, longest: int, frame: Frame) -> str:
    """Return why a variant cannot be looked at in the windows; "" where it can."""
    room = frame.window - frame.lead - max(map(abs, (0, *frame.shifts)))
    if longest > room:
        return (
            f"an allele of {longest:,} bases does not fit behind the middle of a window of "
            f"{frame.window:,}"
        )
    unknown = len(context) - sum(map(context.count, "ACGT"))
    if unknown > MAX_UNKNOWN * len(context):
        return f"{unknown:,} of the {len(context):,} bases around are unknown"
    return ""


def _short(bases: str, most: int = 20) -> str:
    return bases if len(bases) <= most else f"{bases[:most]}... ({len(bases):,} bases)"
