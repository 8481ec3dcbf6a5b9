"""Hits of one element in many sequences: their positions, attributions and ranks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.attribution.positions import BaseAttributions
from dnasweep.motifs.scanner import ScoringMatrix, best_hits, kmer_codes

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

# Number of values compared at once, to bound the memory for ranks.
_BLOCK = 1 << 22


@dataclass(frozen=True, kw_only=True)
class ElementSite:
    """An element and the positions where it must start."""

    element: str
    """Name of the element."""
    motif: ScoringMatrix
    """Scanner for hits of the element."""
    first: int
    """Smallest position of the first base, relative to the transcription start."""
    last: int
    """Largest position of the first base."""

    @property
    def window(self) -> str:
        """The positions as text."""
        return f"{self.first}..{self.last}" if self.first < self.last else f"{self.first}"


class OtherHits(NamedTuple):
    """Every hit of a motif that does not overlap the positions of its site."""

    row: Integers
    """Row of the sequence of each hit, (hits,)."""
    column: Integers
    """Column of the first base of each hit, (hits,)."""
    top: Booleans
    """Whether each hit is top, (hits,)."""


class ElementHits(NamedTuple):
    """The hits of a site in the n sequences that cover its positions."""

    site: ElementSite
    """The site, with positions limited to those that occur in the sequences."""
    sequences: pd.DataFrame
    """The sequences, n rows."""
    starts: Integers
    """Columns where a hit may start, (positions,)."""
    position: Integers
    """Index into `starts` of the hit of each sequence, (n,); -1 without a hit."""
    score: Floats
    """Score of the hit, (n,); nan without a hit."""
    kmer: Integers
    """Number of the k-mer at every column, (n, columns)."""
    sums: Floats
    """Attribution of a hit at every column, (n, columns): the sum over its bases."""
    rank: Floats
    """Rank of the sums in `starts`, (n, positions)."""
    top: Booleans
    """Whether the sums in `starts` are top, (n, positions)."""
    elsewhere: OtherHits
    """Hits outside these positions."""

    @property
    def phi(self) -> Floats:
        """Attribution of a hit in `starts`, (n, positions)."""
        return self.sums[:, self.starts]


def find_element_hits(bases: BaseAttributions, site: ElementSite, *, top: float) -> ElementHits:
    """Find the hits of a site and their attributions.

    Sequences are left out if they do not cover the positions of the site, or if no token covers some of
    the bases there.

    Parameters
    ----------
    bases
        Attribution of each base.
    site
        Element to find, and its positions.
    top
        A sum is *top* if it is positive and its rank is at most this.
    """
    width = site.motif.width
    sums = window_sums(bases.values, width)
    starts = np.arange(site.first, site.last + 1) - bases.first
    starts = starts[(starts >= 0) & (starts < sums.shape[1])]
    # A window of 70 bases begins at -33: positions that occur in no sequence are left out.
    starts = starts[~np.isnan(sums[:, starts]).all(axis=0)]
    kept = np.flatnonzero(~np.isnan(sums[:, starts]).any(axis=1) & bool(len(starts)))
    sums, codes = sums[kept], bases.codes[kept]
    if len(starts):
        first, last = int(starts[0]) + bases.first, int(starts[-1]) + bases.first
        site = replace(site, first=first, last=last)
    found = best_hits(site.motif, codes, starts)
    shape = n, num = len(sums), len(starts)
    rank = ranks(sums, np.repeat(np.arange(n), num), np.tile(starts, n)).reshape(shape)
    others = site.motif.hits(codes) & ~np.isnan(sums)
    positions = np.arange(sums.shape[1]) + bases.first
    others[:, (positions > site.first - width) & (positions < site.last + width)] = False
    row, column = np.nonzero(others)
    high = (sums[row, column] > 0) & (ranks(sums, row, column) <= top)
    return ElementHits(
        site=site,
        sequences=bases.sequences.iloc[kept].reset_index(drop=True),
        starts=starts,
        position=np.where(found.start >= 0, np.searchsorted(starts, found.start), -1),
        score=found.score,
        kmer=kmer_codes(codes, width),
        sums=sums,
        rank=rank,
        top=(sums[:, starts] > 0) & (rank <= top),
        elsewhere=OtherHits(row, column, high),
    )


def hit_table(hits: ElementHits) -> pd.DataFrame:
    """Return one row per hit: its sequence, position, k-mer, score, attribution, rank, positive, top."""
    row = np.flatnonzero(hits.position >= 0)
    position = hits.position[row]
    known = hits.sequences.iloc[row]
    width = hits.site.motif.width
    number = hits.kmer[row, hits.starts[position]]
    letters = np.array(list("ACGT"))[number[:, None] >> 2 * np.arange(width)[::-1] & 3]
    phi = hits.phi[row, position]
    return pd.DataFrame(
        {
            "sequence_id": known["sequence_id"].to_numpy(),
            "species": known["species"].to_numpy(),
            "label": known["label"].to_numpy(),
            "element": hits.site.element,
            "definition": hits.site.motif.name,
            "window": hits.site.window,
            "start": position + hits.site.first,
            "word": ["".join(kmer) for kmer in letters],
            "score": hits.score[row],
            "phi": phi,
            "rank": hits.rank[row, position],
            "positive": phi > 0,
            "top": hits.top[row, position],
        }
    )


def window_sums(values: Floats, width: int) -> Floats:
    """Return sums over `width` bases from every start, (n, columns - width + 1); nan if any base is nan."""
    columns = max(values.shape[1] - width + 1, 0)
    total = np.zeros((values.shape[0], columns))
    for offset in range(width):
        total += values[:, offset : offset + columns]
    return total


def ranks(sums: Floats, rows: Integers, columns: Integers) -> Floats:
    """Return the ranks of some sums, each among all sums in its row.

    Parameters
    ----------
    sums
        Sums, (n, columns); nan if there is none.
    rows, columns
        Rows and columns of the sums to rank, (k,).

    Returns
    -------
    ranks
        Fraction of the sums in the row that are at least as high, including itself, (k,): 1 / columns
        for a unique maximum, 1 for the minimum and if all are equal; nan for nan.

    Examples
    --------
    >>> ranks(np.array([[0.1, 0.9, 0.4, 0.2]]), np.array([0, 0]), np.array([1, 2])).tolist()
    [0.25, 0.5]
    """
    num = np.count_nonzero(~np.isnan(sums), axis=1)
    value = sums[rows, columns]
    # Sums that differ only by rounding are equal: bases of one token cause many ties.
    least = value - 1e-12 * np.abs(value)
    at_least = np.zeros(len(rows), np.int64)
    block = max(1, _BLOCK // max(1, sums.shape[1]))
    for first in range(0, len(rows), block):
        here = slice(first, first + block)
        at_least[here] = (sums[rows[here]] >= least[here, None]).sum(axis=1)
    return np.where(np.isnan(value), np.nan, at_least / np.maximum(num[rows], 1))
