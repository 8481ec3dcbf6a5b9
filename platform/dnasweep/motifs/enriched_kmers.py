"""Motif discovery by DNABERT's method (`find_motifs`, Ji et al. 2021).

Regions of high attention give k-mers; k-mers enriched in the class are kept and merged by
alignment without gaps, and their instances are trimmed or widened to one width. Unlike in DNABERT,
all of this uses only the discovery set: the filter for enriched k-mers is not a test of the motifs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.formats.bases import UNKNOWN, Codes, decode_rows
from dnasweep.motifs.discovery_data import MotifConfig, MotifData
from dnasweep.motifs.enrichment import enrichment
from dnasweep.motifs.patterns import Pattern, matrix_of

TIMES_MINIMUM = 10.0
"""Attention is high if it exceeds this multiple of the minimum in its sequence."""
DEVIATIONS = 1.0
"""Signed values are high if they are this many standard deviations above the mean of their sequence."""


def find_enriched(data: MotifData, config: MotifConfig, *, signed: bool) -> list[Pattern]:
    """Return the motifs of the discovery set, sorted by decreasing number of instances.

    Parameters
    ----------
    data
        Sequences and values.
    config
        Settings of motif discovery.
    signed
        Whether values can be negative; see :func:`high_bases`.
    """
    rows = data.rows(discovery=True, positive=True)
    codes = data.bases.codes
    high = high_bases(data.bases.values[rows], signed=signed) & (codes[rows] != UNKNOWN)
    regions: dict[str, list[HighRegion]] = defaultdict(list)
    texts = decode_rows(codes[rows])
    for region in high_regions(high, min_length=config.min_length):
        kmer = texts[region.row][region.start : region.end]
        regions[kmer].append(region._replace(row=int(rows[region.row])))
    kmers = _enriched(list(regions), data, config)
    # Among k-mers of equal length, the more frequent come first and name the motifs.
    kmers.sort(key=lambda kmer: (-len(regions[kmer]), kmer))
    found = []
    for key, members in merge(kmers, min_length=config.min_length).items():
        windows = [
            (region.row, region.start - member.offset, len(key))
            for member in members
            for region in regions[member.kmer]
        ]
        pattern = _pattern(key, windows, [one.kmer for one in members], data, config.window)
        if len(pattern.rows) >= config.min_instances:
            found.append(pattern)
    return sorted(found, key=lambda one: (-len(one.rows), one.name))


class HighRegion(NamedTuple):
    """A run of high values."""

    row: int
    """Row of the sequence."""
    start: int
    """Column of the first base."""
    end: int
    """One past the column of the last base."""


def high_bases(values: NDArray[np.float64], *, signed: bool) -> NDArray[np.bool_]:
    """Return which bases have high values, (n, width).

    Parameters
    ----------
    values
        Values, (n, width); nan beyond the ends of a sequence.
    signed
        Attention (False) is high if it is above the mean of its sequence and above 10 times the
        minimum, which is DNABERT's rule. The minimum of signed values is negative and has no such
        meaning: they are high if positive and at least a standard deviation above the mean.
    """
    mean = np.nanmean(values, axis=1, keepdims=True)
    if signed:
        bound = np.maximum(mean + DEVIATIONS * np.nanstd(values, axis=1, keepdims=True), 0)
    else:
        bound = np.maximum(mean, TIMES_MINIMUM * np.nanmin(values, axis=1, keepdims=True))
    # Comparisons with nan are false.
    return values > bound


def high_regions(high: NDArray[np.bool_], *, min_length: int) -> list[HighRegion]:
    """Return the runs of at least `min_length` high bases, by row and start.

    Examples
    --------
    >>> high = np.array([[False, True, True, True, False, True]])
    >>> high_regions(high, min_length=2)
    [HighRegion(row=0, start=1, end=4)]
    """
    steps = np.diff(np.pad(high, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(steps == 1)
    _, ends = np.nonzero(steps == -1)
    runs = np.stack([rows, starts, ends], axis=1)
    return [HighRegion(*run) for run in runs[ends - starts >= min_length].tolist()]


def _enriched(kmers: list[str], data: MotifData, config: MotifConfig) -> list[str]:
    rows = data.rows(discovery=True)
    texts, positive = decode_rows(data.bases.codes[rows]), data.positive[rows]
    present = np.array([[kmer in text for text in texts] for kmer in kmers], bool)
    present = present.reshape(len(kmers), len(texts))
    tested = enrichment(
        present.sum(1), (present & positive).sum(1), len(texts), int(positive.sum())
    )
    return [
        kmer for kmer, q in zip(kmers, tested.q_values, strict=True) if q <= config.discovery_q
    ]


class Member(NamedTuple):
    """A k-mer of a group."""

    kmer: str
    offset: int
    """Start of the k-mer relative to the first base of the group's first k-mer; may be negative."""


def merge(kmers: Sequence[str], *, min_length: int) -> dict[str, list[Member]]:
    """Group similar k-mers under their first one, as DNABERT's `merge_motifs` does.

    K-mers are processed from the shortest to the longest. A k-mer joins the group (or all groups in case of
    ties) with the most bases in agreement with the first k-mer of the group, if these are at least
    `min_length` - 1 and half of the shorter k-mer; otherwise it starts a new group.

    Parameters
    ----------
    kmers
        Distinct k-mers; their order breaks ties of length.
    min_length
        Length of the shortest k-mer.

    Examples
    --------
    >>> sorted(merge(["TATAAA", "ATAAAA", "GGGCGG"], min_length=5))
    ['GGGCGG', 'TATAAA']
    """
    groups: dict[str, list[Member]] = {}
    # First k-mers by their length, so that a k-mer is aligned to many of them at once.
    keys: dict[int, list[str]] = defaultdict(list)
    for kmer in sorted(kmers, key=len):
        found: list[tuple[int, str, int]] = []
        for length, firsts in keys.items():
            scores, offsets = align(firsts, kmer)
            good = np.flatnonzero(scores >= max(min_length - 1, min(length, len(kmer)) / 2))
            found += [(int(scores[i]), firsts[i], int(offsets[i])) for i in good]
        best = max((score for score, _, _ in found), default=0)
        for score, key, offset in found:
            if score == best:
                groups[key].append(Member(kmer, offset))
        if not found:
            groups[kmer] = [Member(kmer, 0)]
            keys[len(kmer)].append(kmer)
    return groups


def align(firsts: Sequence[str], kmer: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Align a k-mer to each of several k-mers of equal length, without gaps and with free ends.

    Returns
    -------
    scores
        Number of matching bases in the best alignment, (firsts,). Ties are broken by the smallest
        shift, then by the shift to the left.
    offsets
        Start of `kmer` relative to the first base of the other k-mer, (firsts,); may be negative.
    """
    others = np.frombuffer("".join(firsts).encode(), np.uint8).reshape(len(firsts), -1)
    letters = np.frombuffer(kmer.encode(), np.uint8)
    width = others.shape[1]
    best, chosen = np.full(len(others), -1), np.zeros(len(others), np.int64)
    for offset in sorted(range(1 - len(kmer), width), key=lambda one: (abs(one), one)):
        first, last = max(0, offset), min(width, offset + len(kmer))
        scores = (others[:, first:last] == letters[first - offset : last - offset]).sum(axis=1)
        better = scores > best
        best[better], chosen[better] = scores[better], offset
    return best, chosen


def _pattern(
    name: str,
    windows: Sequence[tuple[int, int, int]],
    kmers: list[str],
    data: MotifData,
    width: int,
) -> Pattern:
    """Return the motif of windows (row, start, bases), each trimmed or widened to `width` bases.

    The windows are centred, and an odd base goes to the right. Windows that are not within their sequence
    are left out, and windows at the same position are counted once.
    """
    codes = data.bases.codes
    kept = sorted({(row, start - (width - bases) // 2) for row, start, bases in windows})
    kept = [(row, start) for row, start in kept if _is_within(codes, row, start, width)]
    rows, starts = np.array(kept, np.int64).reshape(-1, 2).T
    reverse = np.zeros(len(rows), bool)
    return Pattern(
        name=name,
        rows=rows,
        starts=starts,
        reverse=reverse,
        matrix=matrix_of(codes, rows, starts, reverse, width),
        kmers=tuple(sorted(kmers)),
    )


def _is_within(codes: Codes, row: int, start: int, width: int) -> bool:
    inside = start >= 0 and start + width <= codes.shape[1]
    return inside and bool((codes[row, start : start + width] != UNKNOWN).all())
