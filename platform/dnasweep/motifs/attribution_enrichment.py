"""Are attributions higher where an element stands? Compared with the same places, and the same words.

Two backgrounds, both of the same species and label: the same places in sequences without a hit, which
tells an element from its place, and the same words elsewhere, which tells its place from its word.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from statsmodels.stats.contingency_tables import StratifiedTable

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

# Elements of a block of shuffled rows; bounds the memory of a test.
_BLOCK = 1 << 22


class PlaceStratum(NamedTuple):
    """Hits of one kind of sequence against the same places without hits."""

    num_hits: int
    phi: float
    """Sum of the hits' attributions."""
    top: int
    """Hits that are top."""
    positive: int
    """Hits with a positive attribution."""
    background: float
    """What the sum would be with the mean of the sequences without a hit at each place; nan where
    every sequence has a hit."""
    tables: Integers
    """(places, 2, 2) hits and others without a hit (rows), top or not (columns), by place."""
    null_phi: Floats
    """(permutations,) the sum after shuffling."""
    null_top: Integers
    """(permutations,) the number of top hits after shuffling."""


def same_place(
    phi: Floats, top: Booleans, hit: Integers, *, permutations: int, seed: int, name: str
) -> PlaceStratum:
    """Compare hits with the same places in sequences without a hit.

    Under the null hypothesis which sequence has a hit, and where, is independent of the
    attributions. So the list of hits (a place, or none) is shuffled over the sequences: every place
    keeps its number of hits, and is compared with itself.

    Parameters
    ----------
    phi, top
        (n, places) attribution of a hit at each place of each sequence, and whether it is top.
    hit
        (n,) the place of the sequence's hit, -1 without one.
    permutations
        Number of shuffles.
    seed, name
        Seed the shuffles; `name` keeps those of different strata apart.
    """
    rows = np.flatnonzero(hit >= 0)
    places = hit[rows]
    free = np.flatnonzero(hit < 0)
    used = np.unique(places)
    tables = np.zeros((len(used), 2, 2), np.int64)
    for table, place in zip(tables, used, strict=True):
        table[0] = _split(top[rows[places == place], place])
        table[1] = _split(top[free, place])
    background = float(phi[free][:, places].mean(axis=0).sum()) if len(free) else np.nan
    null_phi, null_top = np.zeros(permutations), np.zeros(permutations, np.int64)
    if len(rows):
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        block = max(1, _BLOCK // len(hit))
        for first in range(0, permutations, block):
            num = min(block, permutations - first)
            # The sequences with the smallest keys get hits, in an order that is shuffled as well:
            # several times faster than to shuffle all of them.
            keys = rng.random((num, len(hit)))
            chosen = np.argpartition(keys, len(rows) - 1, axis=1)[:, : len(rows)]
            order = rng.permuted(np.tile(places, (num, 1)), axis=1)
            null_phi[first : first + num] = phi[chosen, order].sum(axis=1)
            null_top[first : first + num] = top[chosen, order].sum(axis=1)
    own = phi[rows, places]
    return PlaceStratum(
        num_hits=len(rows),
        phi=float(own.sum()),
        top=int(top[rows, places].sum()),
        positive=int((own > 0).sum()),
        background=background,
        tables=tables,
        null_phi=null_phi,
        null_top=null_top,
    )


class WordStratum(NamedTuple):
    """Hits of one kind of sequence against the same words elsewhere."""

    num: int
    """Words elsewhere that some hit has."""
    background: float
    """What the sum of the hits' attributions would be with the mean of the same word elsewhere;
    over the hits whose word is found elsewhere."""
    compared_phi: float
    """The sum over these hits."""
    compared: int
    """How many these are."""
    top: int
    """How many of them are top."""
    tables: Integers
    """(words, 2, 2) hits and words elsewhere (rows), top or not (columns), by word."""
    null_top: Integers
    """(permutations,) the number of top hits after shuffling within each word."""


def same_word(
    word: Integers,
    phi: Floats,
    top: Booleans,
    in_place: Booleans,
    *,
    permutations: int,
    seed: int,
    name: str,
) -> WordStratum:
    """Compare hits with occurrences of the same words elsewhere.

    Shuffling within each word what is in place and what is elsewhere makes the number of top hits of
    a word hypergeometric, from which it is drawn. Occurrences in one sequence are taken as
    independent, which they are not quite.

    Parameters
    ----------
    word, phi, top, in_place
        (occurrences,) which word, its attribution, whether that is top, and whether it is a hit in
        place; all others are elsewhere.
    permutations, seed, name
        As in :func:`same_place`.
    """
    both = np.intersect1d(word[in_place], word[~in_place])
    tables = np.zeros((len(both), 2, 2), np.int64)
    background = compared = 0.0
    for table, one in zip(tables, both, strict=True):
        hits, others = (word == one) & in_place, (word == one) & ~in_place
        table[0], table[1] = _split(top[hits]), _split(top[others])
        background += float(phi[others].mean()) * int(hits.sum())
        compared += float(phi[hits].sum())
    null_top = np.zeros(permutations, np.int64)
    if len(both):
        rng = np.random.default_rng([seed, zlib.crc32(name.encode()), 1])
        good = tables[:, :, 0].sum(axis=1)
        bad = tables[:, :, 1].sum(axis=1)
        sample = tables[:, 0].sum(axis=1)
        null_top = rng.hypergeometric(good, bad, sample, (permutations, len(both))).sum(axis=1)
    num_compared = int(tables[:, 0].sum())
    return WordStratum(
        num=int(tables[:, 1].sum()),
        background=background,
        compared_phi=compared,
        compared=num_compared,
        top=int(tables[:, 0, 0].sum()),
        tables=tables,
        null_top=null_top,
    )


def pooled_odds_ratio(tables: Integers) -> float:
    """Return the Mantel-Haenszel odds ratio of (strata, 2, 2) tables; nan where it is undefined."""
    usable = tables[(tables.sum(axis=2) > 0).all(axis=1)].astype(float)
    if not len(usable):
        return float("nan")
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(StratifiedTable(np.moveaxis(usable, 0, -1)).oddsratio_pooled)


def p_at_least(observed: float, null: Floats | Integers) -> float:
    """Return the one-sided permutation p-value: how often chance gives as much or more.

    One is added to both counts: the data as they are are one of the permutations (Phipson and Smyth
    2010, Stat. Appl. Genet. Mol. Biol. 9:39), as in `scipy.stats.permutation_test`.
    """
    slack = 1e-9 * max(1.0, abs(observed))
    return float((np.count_nonzero(null >= observed - slack) + 1) / (len(null) + 1))


def p_two_sided(observed: float, null: Floats | Integers) -> float:
    """Return twice the smaller one-sided permutation p-value, at most 1."""
    return min(1.0, 2 * min(p_at_least(observed, null), p_at_least(-observed, -null)))


def _split(top: Booleans) -> tuple[int, int]:
    yes = int(top.sum())
    return yes, len(top) - yes
