"""Chromosome names (`chr1`, `1` and `NC_000001.11` are one chromosome) and the records of a genome."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyfaidx

from dnasweep.errors import InputError
from dnasweep.formats.rejects import RejectedRow

_RANGES: dict[str, tuple[tuple[int, str], ...]] = {
    "human": ((1, " ".join(map(str, range(1, 23))) + " X Y"), (12920, "MT")),
    "mouse": ((67, " ".join(map(str, range(1, 20))) + " X Y"), (5089, "MT")),
    "rat": ((5100, " ".join(map(str, range(1, 21))) + " X"), (24475, "Y"), (1665, "MT")),
    "macaque": ((27893, " ".join(map(str, range(1, 21))) + " X Y"), (5943, "MT")),
    "zebrafish": ((7112, " ".join(map(str, range(1, 26)))), (2333, "MT")),
    "chicken": (
        (6088, " ".join(map(str, range(1, 29)))),
        (28739, "30 31"),
        (6119, "32"),
        (8465, "33 LGE64"),
        (6126, "W Z"),
        (40902, "MT"),
    ),
    "worm": ((3279, "I II III IV V X"), (1328, "MT")),
    "fruit_fly": ((4353, "4 X"), (24511, "MT Y")),
}
"""RefSeq NC_ numbers: the first number of each run, and the chromosomes of the run in order."""

ACCESSIONS: dict[str, tuple[str, str]] = {
    f"NC_{first + i:06d}": (species, name)
    for species, runs in _RANGES.items()
    for first, names in runs
    for i, name in enumerate(names.split())
} | {
    "NT_033779": ("fruit_fly", "2L"),
    "NT_033778": ("fruit_fly", "2R"),
    "NT_037436": ("fruit_fly", "3L"),
    "NT_033777": ("fruit_fly", "3R"),
}
"""Species and chromosome by RefSeq accession without its version, for the assemblies EPDnew uses."""

_ACCESSION = re.compile(r"(?:^|\|)(N[CT]_\d+)(\.\d+)?(?:\||$)")


def species_of(accession: str) -> str:
    """Return the species of a RefSeq chromosome accession, "" if it is unknown.

    Examples
    --------
    >>> species_of("NC_000001.11"), species_of("chr1")
    ('human', '')
    """
    match = _ACCESSION.search(accession)
    return ACCESSIONS.get(match[1], ("", ""))[0] if match else ""


_MITOCHONDRIA = ("M", "MT", "MITO", "MTDNA", "MITOCHONDRION_GENOME")


def _plain(name: str) -> str:
    match = _ACCESSION.search(name)
    if match and match[1] in ACCESSIONS:
        name = ACCESSIONS[match[1]][1]
    name = re.sub(r"^chr(?:omosome)?_?", "", name, flags=re.IGNORECASE).upper()
    return "MT" if name.removeprefix("DMEL_") in _MITOCHONDRIA else name


def chromosome_keys(names: Iterable[str]) -> dict[str, str]:
    """Return a key for each name, the same for the names of one chromosome: `chr1`, `1`, `NC_000001.11`.

    If names contain different versions of an accession, as in two assemblies, each has its own key.

    Examples
    --------
    >>> chromosome_keys(["chr1", "NC_000001.11", "chrM"])
    {'chr1': '1', 'NC_000001.11': '1', 'chrM': 'MT'}
    """
    keys = {name: _plain(name) for name in names}
    versions: dict[str, set[str]] = {}
    accessions = {name: match[0].strip("|") for name in keys if (match := _versioned(name))}
    for name, accession in accessions.items():
        versions.setdefault(keys[name], set()).add(accession)
    return {
        name: accessions[name] if name in accessions and len(versions[key]) > 1 else key
        for name, key in keys.items()
    }


def _versioned(name: str) -> re.Match[str] | None:
    match = _ACCESSION.search(name)
    return match if match and match[2] else None


def match_chromosomes(names: Iterable[str], genome: Iterable[str]) -> dict[str, str]:
    """Return the genome's name for each of `names` that can be matched with certainty.

    A name is used unchanged if the genome has it; otherwise `chr`, case and RefSeq accessions are
    ignored, unless two records of the genome would match, or both sides give versioned accessions
    that differ: then the assemblies differ.

    Examples
    --------
    >>> match_chromosomes(["1", "X", "MT"], ["chr1", "chrX", "chrM"])
    {'1': 'chr1', 'X': 'chrX', 'MT': 'chrM'}
    """
    records = dict.fromkeys(genome)
    found: dict[str, list[str]] = {}
    for record in records:
        found.setdefault(_plain(record), []).append(record)
    matches = {}
    for name in dict.fromkeys(names):
        candidates = [name] if name in records else found.get(_plain(name), [])
        if len(candidates) == 1 and not _versions_differ(name, candidates[0]):
            matches[name] = candidates[0]
    return matches


def _versions_differ(a: str, b: str) -> bool:
    one, other = _ACCESSION.search(a), _ACCESSION.search(b)
    return bool(one and other and one[2] and other[2] and one[2] != other[2])


_SHOWN = 5
MATCH = "--match-chromosomes"
"""Option of every command that accepts other names for a record."""


@dataclass(frozen=True, kw_only=True)
class Contigs:
    """Names and lengths of the records of a genome, in the order of its file."""

    genome: str
    """The file, for messages."""
    lengths: Mapping[str, int]
    """Length of each record in bases, by name."""
    match: bool = False
    """Whether `2R` is accepted for `chr2R`; see `match_chromosomes`."""

    @classmethod
    def of(cls, fasta: pyfaidx.Fasta, path: Path, *, match: bool = False) -> Contigs:
        """Return the names and lengths of an open genome.

        Parameters
        ----------
        fasta
            The open genome.
        path
            File of the genome, for messages.
        match
            Whether other names for a record are accepted.
        """
        lengths = {name: len(fasta[name]) for name in fasta.keys()}  # noqa: SIM118
        return cls(genome=str(path), lengths=lengths, match=match)

    def names(self, names: Iterable[str]) -> dict[str, str]:
        """Return the genome's name for each of `names` that it has; others are left out."""
        if self.match:
            return match_chromosomes(names, self.lengths)
        return {name: name for name in names if name in self.lengths}

    def record(self, name: str) -> str:
        """Return the genome's name for one record.

        Raises
        ------
        InputError
            If it has none, or has another name and `match` is not set.
        """
        if (found := self.names([name]).get(name)) is not None:
            return found
        reason, remedy = self._not_found(name)
        raise InputError(reason, file=self.genome, remedy=remedy or "Check the name.")

    def place(
        self,
        intervals: pd.DataFrame,
        *,
        file: str | Path,
        cells: Sequence[str] = ("chrom", "start", "end"),
    ) -> tuple[pd.DataFrame, list[RejectedRow]]:
        """Return intervals with the genome's chromosome names, and those that are not inside it.

        Parameters
        ----------
        intervals
            Columns row, chrom, start and end (0-based, half-open); other columns are kept.
        file
            The file of the intervals, for messages.
        cells
            Columns that form the text of a rejected row.

        Returns
        -------
        frame
            The intervals inside the genome, with a new index and the genome's chromosome names.
        rejected
            Intervals on a missing record, on one with another name, or beyond the end of a record.
        """
        known = self.names(intervals["chrom"].unique())
        chrom = intervals["chrom"].map(known)
        # Without rows, pandas would give text columns.
        length = chrom.map(self.lengths).astype("float64")
        outside = (intervals["start"] < 0) | (intervals["end"] > length)
        rejected = []
        bad = intervals[chrom.isna() | outside]
        for text, row, name, start, end in zip(
            bad[list(cells)].astype("str").agg(" ".join, axis=1) if len(bad) else (),
            *(bad[c] for c in ("row", "chrom", "start", "end")),
            strict=True,
        ):
            if name not in known:
                reason, remedy = self._not_found(name)
            else:
                there = known[name]
                reason, remedy = (
                    f"bases {start:,} to {end:,} extend beyond the end of {there}, "
                    f"which has {self.lengths[there]:,} bases",
                    "Check that both files use the same assembly.",
                )
            rejected.append(RejectedRow(str(file), int(row), reason, text, remedy))
        good = chrom.notna() & ~outside
        return intervals.assign(chrom=chrom)[good].reset_index(drop=True), rejected

    def _not_found(self, name: str) -> tuple[str, str]:
        """Return why a name is not in the genome, and the remedy."""
        genome = Path(self.genome).name
        other = match_chromosomes([name], self.lengths).get(name)
        if other is not None:
            return (
                f"chromosome {name!r} is called {other!r} in {genome}",
                f"Pass {MATCH} to accept this name.",
            )
        names = list(self.lengths)
        shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        return f"chromosome {name!r} is not in the genome {genome}, which has {shown}", ""
