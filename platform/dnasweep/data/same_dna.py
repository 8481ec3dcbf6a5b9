"""Rows that share DNA: the same molecule on either strand, or overlapping loci.

A sequence and its reverse complement are the same molecule. The label of a row that overlaps another one on
the genome is informative about the other, however different their sequences look.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.formats.bases import reverse_complement
from dnasweep.formats.chromosomes import chromosome_keys
from dnasweep.formats.loci import read_locus

_INTERVAL = ["chrom", "start", "end"]
_LOCUS = r":\d+-\d+"


class Molecules(NamedTuple):
    """The molecule and the strand of each row."""

    molecule: NDArray[np.int64]
    """(rows,) equal for a sequence, its copies and its reverse complements; numbered by first row from 0."""
    reverse: NDArray[np.bool_]
    """(rows,) whether a row is on the strand that is not the :func:`canonical` one."""

    @property
    def reading(self) -> NDArray[np.int64]:
        """(rows,) equal only for equal sequences: twice the molecule, plus one on the reverse strand."""
        return 2 * self.molecule + self.reverse


def canonical(sequence: str) -> str:
    """Return the strand that is first in alphabetical order, the same for both strands of a molecule."""
    return min(sequence, reverse_complement(sequence))


def pair_strands(sequences: Iterable[str]) -> Molecules:
    """Return which upper-case sequences are the same molecule, on either strand."""
    given = list(sequences)
    chosen = [canonical(sequence) for sequence in given]
    molecule = pd.factorize(np.array(chosen, dtype=object))[0].astype(np.int64)
    reverse = [one != two for one, two in zip(given, chosen, strict=True)]
    return Molecules(molecule, np.array(reverse, dtype=bool))


def first_readings(sequences: Iterable[str]) -> NDArray[np.bool_]:
    """Return which sequences do not repeat an earlier one on either strand, (sequences,)."""
    return ~pd.Series(pair_strands(sequences).molecule).duplicated().to_numpy()


class SharedDna(NamedTuple):
    """DNA shared between rows of a table: molecules, and bases of the genome."""

    molecules: Molecules
    """The molecule of each row."""
    loci: pd.DataFrame
    """Loci of the rows, see :func:`row_loci`."""

    @classmethod
    def of(cls, table: pd.DataFrame) -> SharedDna:
        """Return the molecules and loci of a table."""
        return cls(pair_strands(table["sequence"]), row_loci(table.reset_index(drop=True)))

    def any_of(self, some: NDArray[np.bool_], others: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which of `some` share DNA with one of `others`; all arrays are (rows,)."""
        return self.either_strand(some, others) | self.overlapping(some, others)

    def same_strand(self, some: NDArray[np.bool_], others: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which of `some` have the sequence of one of `others`."""
        return some & np.isin(self.molecules.reading, self.molecules.reading[others])

    def either_strand(
        self, some: NDArray[np.bool_], others: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Return which of `some` have the sequence of one of `others` or its reverse complement."""
        return some & np.isin(self.molecules.molecule, self.molecules.molecule[others])

    def overlapping(self, some: NDArray[np.bool_], others: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which of `some` share a base of the genome with one of `others`."""
        found = np.zeros(len(some), dtype=bool)
        mine, theirs = self.loci[some[self.loci.index]], self.loci[others[self.loci.index]]
        if len(mine) and len(theirs):
            # The import takes a third of a second, which data without coordinates avoid.
            import bioframe

            # The library renumbers its rows.
            covered = bioframe.coverage(mine.copy(), theirs, return_input=False)["coverage"]
            found[mine.index] = covered.to_numpy() > 0
        return found


def row_loci(table: pd.DataFrame) -> pd.DataFrame:
    """Return chrom, start and end of the rows that have all three, with the index of the table.

    An id such as `chr1:100-700(+)` that fits its sequence replaces missing columns.
    Chromosomes are those of :func:`chromosomes_of`.
    """
    table = _read_ids(table)
    placed = ~table["chrom"].isin(["", "."]) & table["start"].notna() & table["end"].notna()
    rows = table.loc[placed, _INTERVAL]
    keys = chromosomes_of(table[placed])
    return rows.assign(chrom=keys).astype({"chrom": "str", "start": "int64", "end": "int64"})


def chromosomes_of(table: pd.DataFrame) -> pd.Series:
    """Return a text for each row that is equal for rows of the same species on the same chromosome.

    `chr1`, `1` and `NC_000001.11` of one species are the same chromosome; if names contain several
    versions of it, each version counts as a separate chromosome. If all rows that name a species name the
    same one, the others are of this species as well.

    Parameters
    ----------
    table
        Rows with a chromosome.
    """
    species = table["species"]
    if len(named := set(species) - {""}) == 1:
        species = species.mask(species == "", named.pop())
    return species + "\t" + table["chrom"].map(chromosome_keys(table["chrom"]))


def _read_ids(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with loci from ids for rows without a chromosome."""
    titled = (table["chrom"] == "") & table["start"].isna() & table["id"].str.contains(_LOCUS)
    if not titled.any():
        return table
    # Ids used in several files are prefixed with the file name.
    titles = table["id"][titled].str.rpartition("/")[2]
    lengths = table["sequence"][titled].str.len()
    found = [read_locus(t, n)[:3] for t, n in zip(titles, lengths, strict=True)]
    read = pd.DataFrame(found, columns=_INTERVAL, index=titles.index)
    read = read[read["chrom"] != ""].astype({"start": "Int64", "end": "Int64"})
    table = table.copy()
    table.loc[read.index, _INTERVAL] = read
    return table


def locus_groups(table: pd.DataFrame) -> NDArray[np.int64]:
    """Return the locus of each row, (rows,): the same for rows that overlap, directly or through
    other rows, on either strand; -1 without coordinates."""
    groups = np.full(len(table), -1, dtype=np.int64)
    rows = row_loci(table.reset_index(drop=True))
    if len(rows):
        import bioframe

        found = bioframe.cluster(rows, min_dist=None, return_cluster_intervals=False)
        groups[rows.index] = found["cluster"].to_numpy()
    return groups
