"""Motifs by DNABERT's method: words of high attention that are enriched, merged, cut to one width.

The method is that of `find_motifs` (Ji et al. 2021). What differs: all of it sees only the sequences
that motifs are to be found in, so that its filter of enriched words is no test of the motifs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom
from statsmodels.stats.multitest import multipletests

from dnasweep.formats.bases import UNKNOWN, Codes, decode_rows
from dnasweep.motifs.discovery_input import MotifData
from dnasweep.motifs.high_regions import HighRegion, high_bases, high_regions
from dnasweep.motifs.merging import merge
from dnasweep.motifs.patterns import Pattern, matrix_of
from dnasweep.motifs.settings import MotifConfig


class KmerEnrichment(NamedTuple):
    """Words and how much more often sequences of the class have them."""

    p_values: NDArray[np.float64]
    """Of at least as many among the class, were the sequences with the word drawn at random."""
    q_values: NDArray[np.float64]
    """Adjusted (Benjamini-Hochberg)."""


def enrichment(
    with_it: NDArray[np.int64], positives_with_it: NDArray[np.int64], num: int, num_positive: int
) -> KmerEnrichment:
    """Return hypergeometric p-values of enrichment among positives, and adjusted ones.

    Parameters
    ----------
    with_it
        Sequences that have each word, whatever their class.
    positives_with_it
        Those of the class among them.
    num, num_positive
        Sequences in all, and of the class.
    """
    p_values = hypergeom.sf(positives_with_it - 1, num, num_positive, with_it)
    if not len(p_values):
        return KmerEnrichment(p_values, p_values)
    return KmerEnrichment(p_values, multipletests(p_values, method="fdr_bh")[1])


def find_enriched(data: MotifData, config: MotifConfig, *, signed: bool) -> list[Pattern]:
    """Return the motifs of the discovery part, those of most instances first.

    Parameters
    ----------
    data
        Sequences and values.
    config
        How motifs are found.
    signed
        Whether values have a sign; see :func:`~dnasweep.motifs.high_regions.high_bases`.
    """
    rows = data.part(discovery=True, positive=True)
    codes = data.bases.codes
    high = high_bases(data.bases.values[rows], signed=signed) & (codes[rows] != UNKNOWN)
    places: dict[str, list[HighRegion]] = defaultdict(list)
    texts = decode_rows(codes[rows])
    for region in high_regions(high, min_length=config.min_length):
        word = texts[region.row][region.start : region.end]
        places[word].append(region._replace(row=int(rows[region.row])))
    words = _enriched(list(places), data, config)
    # Words met more often come first among words of one length, and so name the motifs.
    words.sort(key=lambda word: (-len(places[word]), word))
    found = []
    for key, members in merge(words, min_length=config.min_length).items():
        windows = [
            (region.row, region.start - member.offset, len(key))
            for member in members
            for region in places[member.word]
        ]
        pattern = _pattern(key, windows, [one.word for one in members], data, config.window)
        if len(pattern.rows) >= config.min_instances:
            found.append(pattern)
    return sorted(found, key=lambda one: (-len(one.rows), one.name))


def _enriched(words: list[str], data: MotifData, config: MotifConfig) -> list[str]:
    part = data.part(discovery=True)
    texts, positive = decode_rows(data.bases.codes[part]), data.positive[part]
    there = np.array([[word in text for text in texts] for word in words], bool)
    there = there.reshape(len(words), len(texts))
    tested = enrichment(there.sum(1), (there & positive).sum(1), len(texts), int(positive.sum()))
    return [
        word for word, q in zip(words, tested.q_values, strict=True) if q <= config.discovery_q
    ]


def _pattern(
    name: str,
    windows: Sequence[tuple[int, int, int]],
    words: list[str],
    data: MotifData,
    width: int,
) -> Pattern:
    """Return a motif of windows (row, start, bases), each cut or widened to `width` bases.

    The windows are centred, what is odd goes to the right; those not within their sequence are
    left out, and of windows at the same place one stays.
    """
    codes = data.bases.codes
    kept = sorted({(row, start - (width - bases) // 2) for row, start, bases in windows})
    kept = [(row, start) for row, start in kept if _within(codes, row, start, width)]
    rows, starts = np.array(kept, np.int64).reshape(-1, 2).T
    reverse = np.zeros(len(rows), bool)
    values = data.bases.values[rows[:, None], starts[:, None] + np.arange(width)]
    return Pattern(
        name=name,
        rows=rows,
        starts=starts,
        reverse=reverse,
        matrix=matrix_of(codes, rows, starts, reverse, width),
        contributions=values.mean(axis=0) if len(rows) else None,
        words=tuple(sorted(words)),
    )


def _within(codes: Codes, row: int, start: int, width: int) -> bool:
    inside = start >= 0 and start + width <= codes.shape[1]
    return inside and bool((codes[row, start : start + width] != UNKNOWN).all())
