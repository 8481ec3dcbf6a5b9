"""Variants on a genome: checked against it, normalised, and cut out with their flanks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
import pyfaidx

from dnasweep.errors import InputError
from dnasweep.formats.chromosomes import Contigs
from dnasweep.formats.rejects import RejectedRow
from dnasweep.genomics.allele_windows import Allele, Fetch, flanks, normalise
from dnasweep.genomics.variant_settings import VariantWindows

MAX_UNKNOWN = 0.05
"""Maximum fraction of a context that is not A, C, G or T."""
ALLELE_COLUMNS = ("context", "offset", "ref", "alt", "lead", "other_offset", "other_lead")
"""Columns of placed variants that are the fields of an :class:`Allele`, in their order."""
PLACED = (
    *("file", "row", "allele", "id", "chrom", "pos", "ref", "alt"),
    *("given_pos", "given_ref", "given_alt"),
    *("context", "offset", "lead", "other_offset", "other_lead"),
)
"""Columns of placed variants: the columns read, with `pos`, `ref` and `alt` normalised; the original
notation; and the flanks."""
_REGION = re.compile(r"(?P<chrom>.+):(?P<first>[0-9,_]+)-(?P<last>[0-9,_]+)")
WRONG_ASSEMBLY = "Check that the variants refer to this assembly of the genome."
"""Remedy for a variant whose REF is not that of the genome."""


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
    def of_peaks(cls, peaks: pd.DataFrame, start: Region, lengths: Mapping[str, int]) -> Region:
        """Return the region around the first of the highest peaks or, without peaks, at a start.

        Parameters
        ----------
        peaks
            Columns `chrom`, `summit` and `height`.
        start
            Region without peaks; its size is that of every region, if the chromosome is long enough.
        lengths
            Lengths of the chromosomes.
        """
        chrom, first, end = start
        size = end - first
        if len(peaks):
            best = peaks.iloc[int(peaks["height"].to_numpy().argmax())]
            chrom, first = str(best["chrom"]), int(best["summit"]) - size // 2
        first = max(0, min(first, lengths[chrom] - size))
        return cls(chrom, first, min(lengths[chrom], first + size))

    @classmethod
    def parse(cls, text: str, contigs: Contigs) -> Region:
        """Read `chr1:1,000-2,000`, both ends included and counted from 1, or a whole record.

        Raises
        ------
        InputError
            For any other form, or a region that is not on the genome.
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


def is_region(text: str) -> bool:
    """Return whether text has the form `chr1:1,000-2,000`."""
    return _REGION.fullmatch(text) is not None


def position(text: str) -> int:
    """Return a number written with commas or underscores; 0 if it exceeds the length of any chromosome."""
    digits = text.replace(",", "").replace("_", "")
    return int(digits) if 0 < len(digits) <= 15 else 0


class PlacedVariants(NamedTuple):
    """Variants that can be scored, and those that cannot."""

    table: pd.DataFrame
    """One row per allele, in the given order, with the columns `PLACED`."""
    rejects: list[RejectedRow]
    """Variants that cannot be scored."""


def place_variants(
    table: pd.DataFrame, fasta: pyfaidx.Fasta, contigs: Contigs, windows: VariantWindows
) -> PlacedVariants:
    """Check variants against a genome and cut them out with their flanks.

    Parameters
    ----------
    table
        Table returned by :func:`dnasweep.formats.variant_files.read_variants`.
    fasta
        The open genome.
    contigs
        Records of the genome.
    windows
        The windows to score.
    """
    known = contigs.names(table["chrom"].unique())
    rows: list[tuple[object, ...]] = []
    rejects: list[RejectedRow] = []
    row: Any
    for row in table.itertuples(index=False):
        try:
            name = known.get(row.chrom) or contigs.record(row.chrom)
            length, fetch = contigs.lengths[name], _fetcher(fasta, name)
            # An insertion without a reference allele is after its position.
            start = row.pos - 1 if row.ref else row.pos
            _check_reference(row.ref, start, length, name, fetch)
            at, ref, alt = normalise(fetch, start, row.ref, row.alt)
            allele = flanks(fetch, length, at, ref, alt, windows)
            _check_fit(allele, windows)
        except InputError as error:
            text = f"{row.chrom} {row.pos} {row.id or '.'} {row.ref or '-'} {row.alt or '-'}"
            remedy = error.remedy or ""
            rejects.append(RejectedRow(row.file, row.row, error.reason, text, remedy))
            continue
        source = row.file, row.row, row.allele, row.id
        rows.append(_placed(source, name, at, allele, (row.pos, row.ref, row.alt)))
    return PlacedVariants(pd.DataFrame(rows, columns=list(PLACED)), rejects)


def saturate(
    region: Region, fasta: pyfaidx.Fasta, contigs: Contigs, windows: VariantWindows
) -> pd.DataFrame:
    """Return every substitution of a base in a region, as placed variants.

    All substitutions of a region no longer than the window share one window around its middle; in a
    longer region each has a window centred on itself. Bases that are not A, C, G or T are left out.

    Parameters
    ----------
    region
        The bases to mutate.
    fasta, contigs
        The open genome and its records.
    windows
        The windows to be scored.

    Raises
    ------
    InputError
        If the genome has no known base in the region.
    """
    fetch, length = _fetcher(fasta, region.chrom), contigs.lengths[region.chrom]
    middle = (region.start + region.end) // 2
    reverse_middle = (2 * length - region.end - region.start) // 2
    is_shared = region.end - region.start <= windows.window - 2 * windows.max_shift
    rows = []
    for start, ref in enumerate(fetch(region.start, region.end), start=region.start):
        if ref not in "ACGT":
            continue
        moved = (start - middle, length - 1 - start - reverse_middle) if is_shared else (0, 0)
        for number, alt in enumerate("ACGT".replace(ref, ""), start=1):
            allele = flanks(fetch, length, start, ref, alt, windows, moved=moved)
            source = str(region), start - region.start + 1, number, ""
            rows.append(_placed(source, region.chrom, start, allele, (start + 1, ref, alt)))
    if not rows:
        raise InputError(f"the genome has no known base in {region}", file=contigs.genome)
    return pd.DataFrame(rows, columns=list(PLACED))


def _placed(
    source: tuple[object, ...],
    chrom: str,
    start: int,
    allele: Allele,
    given: tuple[object, ...],
) -> tuple[object, ...]:
    context, offset, ref, alt, *upstream = allele
    return (*source, chrom, start + 1, ref, alt, *given, context, offset, *upstream)


def _fetcher(fasta: pyfaidx.Fasta, name: str) -> Fetch:
    record = fasta[name]
    return lambda start, end: str(record[start:end])


def _check_reference(ref: str, start: int, length: int, name: str, fetch: Fetch) -> None:
    """Raise `InputError` if the genome does not have the reference allele at the stated position."""
    end = start + len(ref)
    if end > length:
        raise InputError(
            f"bases {start + 1:,} to {end:,} extend beyond the end of {name}, which has {length:,} bases",
            remedy=WRONG_ASSEMBLY,
        )
    found = fetch(start, end)
    if found != ref:
        raise InputError(
            f"REF is {_short(ref)}, but the genome has {_short(found)} at {name}:{start + 1}",
            remedy=WRONG_ASSEMBLY,
        )


def _check_fit(allele: Allele, windows: VariantWindows) -> None:
    """Raise `InputError` if a variant does not fit the windows."""
    longest = max(len(allele.ref), len(allele.alt))
    if longest > windows.window - windows.upstream - windows.max_shift:
        raise InputError(
            f"an allele of {longest:,} bases does not fit behind the middle of a window of "
            f"{windows.window:,}",
            remedy="Use a larger --window if the model can read one; otherwise leave the variant out.",
        )
    length = len(allele.context)
    unknown = length - sum(map(allele.context.count, "ACGT"))
    if unknown > MAX_UNKNOWN * length:
        raise InputError(
            f"{unknown:,} of the {length:,} bases around are unknown",
            remedy="Leave the variant out, or use a smaller --window.",
        )


def _short(bases: str) -> str:
    return bases if len(bases) <= 20 else f"{bases[:20]}... ({len(bases):,} bases)"
