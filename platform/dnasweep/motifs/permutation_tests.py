"""Permutation tests of an element's attributions against two backgrounds, and adjusted p-values.

Both backgrounds have the same species and label. The same positions in sequences without a hit separate the
effect of the element from that of its position; the same k-mers elsewhere separate the effect of the
position from that of the k-mer.
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

# Number of elements in a block of shuffled rows, to bound the memory of a test.
_BLOCK = 1 << 22


class PositionStratum(NamedTuple):
    """Hits in sequences of one species and label against the same positions without hits."""

    num_hits: int
    phi: float
    """Sum of the hits' attributions."""
    top: int
    """Number of top hits."""
    positive: int
    """Number of hits with a positive attribution."""
    background: float
    """Sum expected from the mean of the sequences without a hit at each position; nan if every
    sequence has a hit."""
    tables: Integers
    """Number of sequences with and without a hit (rows), top or not (columns), (positions, 2, 2)."""
    null_phi: Floats
    """Sum of attributions after each shuffle, (permutations,)."""
    null_top: Integers
    """Number of top hits after each shuffle, (permutations,)."""


def compare_same_position(
    phi: Floats, top: Booleans, hit: Integers, *, permutations: int, seed: int, name: str
) -> PositionStratum:
    """Compare hits with the same positions in sequences without a hit.

    Under the null hypothesis, the presence and position of hits are independent of the attributions. The
    list of hits (a position, or none) is therefore shuffled over the sequences: every position keeps its
    number of hits and is compared with itself.

    Parameters
    ----------
    phi, top
        Attribution of a hit at each position of each sequence, and whether it is top, (n, positions).
    hit
        Position of the hit in each sequence, (n,); -1 without a hit.
    permutations
        Number of shuffles.
    seed, name
        Seed of the shuffles; `name` makes the shuffles of different strata independent.
    """
    rows = np.flatnonzero(hit >= 0)
    positions = hit[rows]
    free = np.flatnonzero(hit < 0)
    tables = [
        (_count(top[rows[positions == one], one]), _count(top[free, one]))
        for one in np.unique(positions)
    ]
    background = float(phi[free][:, positions].mean(axis=0).sum()) if len(free) else np.nan
    null_phi, null_top = np.zeros(permutations), np.zeros(permutations, np.int64)
    if len(rows):
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        block = max(1, _BLOCK // len(hit))
        for first in range(0, permutations, block):
            num = min(block, permutations - first)
            # The sequences with the smallest keys get hits, in an order that is also shuffled:
            # several times faster than shuffling all of them.
            keys = rng.random((num, len(hit)))
            chosen = np.argpartition(keys, len(rows) - 1, axis=1)[:, : len(rows)]
            order = rng.permuted(np.tile(positions, (num, 1)), axis=1)
            null_phi[first : first + num] = phi[chosen, order].sum(axis=1)
            null_top[first : first + num] = top[chosen, order].sum(axis=1)
    own = phi[rows, positions]
    return PositionStratum(
        num_hits=len(rows),
        phi=float(own.sum()),
        top=int(top[rows, positions].sum()),
        positive=int((own > 0).sum()),
        background=background,
        tables=np.array(tables, np.int64).reshape(-1, 2, 2),
        null_phi=null_phi,
        null_top=null_top,
    )


class KmerStratum(NamedTuple):
    """Hits in sequences of one species and label against the same k-mers elsewhere."""

    num: int
    """Number of occurrences elsewhere of the k-mers of hits."""
    compared: int
    """Number of hits with a k-mer that occurs elsewhere."""
    phi: float
    """Sum of the attributions of the compared hits."""
    background: float
    """Sum expected from the mean of the same k-mer elsewhere."""
    top: int
    """Number of compared hits that are top."""
    tables: Integers
    """Number of hits and occurrences elsewhere (rows), top or not (columns), (k-mers, 2, 2)."""
    null_top: Integers
    """Number of top hits after each shuffle within each k-mer, (permutations,)."""


def compare_same_kmer(
    kmer: Integers,
    phi: Floats,
    top: Booleans,
    in_position: Booleans,
    *,
    permutations: int,
    seed: int,
    name: str,
) -> KmerStratum:
    """Compare hits with occurrences of the same k-mers elsewhere.

    Positions are shuffled among the occurrences of each k-mer. The number of top hits is then
    hypergeometric and is drawn from this distribution. Occurrences in one sequence are treated as
    independent, which is an approximation.

    Parameters
    ----------
    kmer, phi, top
        The k-mer as a number, its attribution, and whether it is top, (occurrences,).
    in_position
        Whether the occurrence is a hit in position, (occurrences,); all others are elsewhere.
    permutations, seed, name
        As in :func:`compare_same_position`.
    """
    both = np.intersect1d(kmer[in_position], kmer[~in_position])
    tables = np.zeros((len(both), 2, 2), np.int64)
    background = compared_phi = 0.0
    for table, one in zip(tables, both, strict=True):
        hits, others = (kmer == one) & in_position, (kmer == one) & ~in_position
        table[:] = _count(top[hits]), _count(top[others])
        background += float(phi[others].mean()) * int(hits.sum())
        compared_phi += float(phi[hits].sum())
    null_top = np.zeros(permutations, np.int64)
    if len(both):
        rng = np.random.default_rng([seed, zlib.crc32(name.encode()), 1])
        num_top, num_not_top = tables.sum(axis=1).T
        num_hits = tables[:, 0].sum(axis=1)
        drawn = rng.hypergeometric(num_top, num_not_top, num_hits, (permutations, len(both)))
        null_top = drawn.sum(axis=1)
    return KmerStratum(
        num=int(tables[:, 1].sum()),
        compared=int(tables[:, 0].sum()),
        phi=compared_phi,
        background=background,
        top=int(tables[:, 0, 0].sum()),
        tables=tables,
        null_top=null_top,
    )


def pooled_odds_ratio(tables: Integers) -> float:
    """Return the Mantel-Haenszel odds ratio of (strata, 2, 2) tables; nan if it is undefined.

    Examples
    --------
    >>> round(pooled_odds_ratio(np.array([[[8, 2], [4, 6]], [[9, 1], [5, 5]]])), 2)
    7.15
    """
    usable = tables[(tables.sum(axis=2) > 0).all(axis=1)].astype(float)
    if not len(usable):
        return float("nan")
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(StratifiedTable(np.moveaxis(usable, 0, -1)).oddsratio_pooled)


def p_at_least(observed: float, null: Floats | Integers) -> float:
    """Return the one-sided permutation p-value: how often chance gives at least the observed value.

    One is added to both counts because the observed data are one of the permutations (Phipson and Smyth
    2010, Stat. Appl. Genet. Mol. Biol. 9:39), as in `scipy.stats.permutation_test`.

    Examples
    --------
    >>> p_at_least(3.0, np.array([0.0, 1.0, 2.0, 3.0]))
    0.4
    """
    slack = 1e-9 * max(1.0, abs(observed))
    return float((np.count_nonzero(null >= observed - slack) + 1) / (len(null) + 1))


def p_two_sided(observed: float, null: Floats | Integers) -> float:
    """Return twice the smaller one-sided permutation p-value, at most 1."""
    return min(1.0, 2 * min(p_at_least(observed, null), p_at_least(-observed, -null)))


def _count(flags: Booleans) -> tuple[int, int]:
    """Return how many are true and how many are false."""
    num = int(flags.sum())
    return num, len(flags) - num
