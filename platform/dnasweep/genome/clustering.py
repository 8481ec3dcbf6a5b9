"""Which sequences are nearly the same: all similar pairs, and the clusters they form.

Candidates come from locality-sensitive hashing by bit sampling (Indyk and Motwani 1998, in the
sorted-table form of Manku, Jain and Das Sarma 2007): every 32-base window is packed into one
64-bit word with its bases in a random order, so that sorting the words brings windows together
that agree in a random sample of positions. One XOR then counts the matches of two whole windows.
Candidates are verified by a banded alignment with free overhangs.

Identity is that of CD-HIT: identical bases of the alignment, less half a base for each gap base,
over the length of the shorter sequence. For two sequences of n bases that align end to end this is
1 - edit distance / n. Two windows shifted against each other count with what they share.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dnasweep.errors import InputError
from dnasweep.genome.alignment import banded_identity
from dnasweep.genome.bases import UNKNOWN, FlatCodes, encode_flat, reverse_complement

WINDOW = 32
"""Bases a hashed window: two bits each fill one word. Shorter sequences match only when equal."""
LOWEST_IDENTITY = 0.7
"""Below this, unrelated promoters begin to look alike and the search would have to be exhaustive."""

_EXPECTED_HITS = 60.0
_MOST_WINDOWS = 6_000_000
_NEIGHBOURS = 24


class SimilarPairs(NamedTuple):
    """Pairs of rows at or above an identity, each once, `first < second`."""

    first: NDArray[np.int64]
    """(pairs,) row of one member."""
    second: NDArray[np.int64]
    """(pairs,) row of the other member."""
    identity: NDArray[np.float64]
    """(pairs,) identity, 1.0 for equal sequences."""


def similar_pairs(
    sequences: Sequence[str],
    *,
    identity: float = 0.8,
    both_strands: bool = False,
    seed: int = 0,
) -> SimilarPairs:
    """Return pairs of sequences with at least the given identity.

    Equal sequences form a chain (each with the next), not all pairs, so that a thousand copies
    cost a thousand pairs; of the others the first copy stands for all. The search is probabilistic:
    at the threshold itself about 19 of 20 pairs are found, 5 points above it practically all.

    Parameters
    ----------
    sequences
        Upper-case DNA; windows with other letters than ACGT are not used to find candidates.
    identity
        Smallest identity, from 0.7 to 1.
    both_strands
        Whether a sequence is also compared with the reverse complement of the others.
    seed
        Seeds the sampled positions.

    Raises
    ------
    InputError
        If the identity is out of range.
    """
    if not LOWEST_IDENTITY <= identity <= 1:
        raise InputError(
            f"identity is {identity!r}", remedy=f"Use a fraction from {LOWEST_IDENTITY} to 1."
        )
    canonical = [min(s, reverse_complement(s)) if both_strands else s for s in sequences]
    rows_of: dict[str, list[int]] = {}
    for row, sequence in enumerate(canonical):
        rows_of.setdefault(sequence, []).append(row)
    unique = list(rows_of)
    representative = np.array([rows[0] for rows in rows_of.values()], dtype=np.int64)
    chained = [p for rows in rows_of.values() for p in pairwise(rows)]
    same = np.array(chained, dtype=np.int64).reshape(-1, 2)
    first, second = same[:, 0], same[:, 1]
    values = np.ones(len(same))
    if identity < 1 and len(unique) > 1:
        near = _near_pairs(unique, identity, both_strands, seed)
        ends = representative[np.stack([near.first, near.second])]
        first = np.concatenate([first, ends.min(axis=0)])
        second = np.concatenate([second, ends.max(axis=0)])
        values = np.concatenate([values, near.identity])
    order = np.lexsort((second, first))
    return SimilarPairs(first[order], second[order], values[order])


def cluster_rows(
    num_rows: int, pairs: SimilarPairs, *, groups: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Return the cluster of each row, (num_rows,): connected components, numbered by first row.

    Single linkage is what a split needs: with connected components no similar pair can straddle
    two parts, whereas greedy clusters around representatives leave such pairs.

    Parameters
    ----------
    num_rows
        Rows in all.
    pairs
        Rows to be kept together.
    groups
        (num_rows,) rows of one group are kept together as well; negative: no group.
    """
    first, second = pairs.first, pairs.second
    if groups is not None:
        rows = np.flatnonzero(groups >= 0)
        order = rows[np.argsort(groups[rows], kind="stable")]
        linked = groups[order][1:] == groups[order][:-1]
        first = np.concatenate([first, order[:-1][linked]])
        second = np.concatenate([second, order[1:][linked]])
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), shape=(num_rows, num_rows))
    labels = connected_components(graph, directed=False)[1]
    _, first_row, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first_row)).astype(np.int64)[inverse]


def _near_pairs(
    sequences: Sequence[str], identity: float, both_strands: bool, seed: int
) -> SimilarPairs:
    """Return verified pairs of different sequences, not in any order."""
    num = len(sequences)
    strands = list(sequences)
    if both_strands:
        strands += [reverse_complement(s) for s in sequences]
    flat = encode_flat(strands)
    first, second, shift = _candidates(flat, identity, seed)
    if both_strands:
        # A pair is looked at once: the forward strand of one against either strand of the other.
        forward = first < num
        first, second, shift = first[forward], second[forward], shift[forward]
        apart = second % num != first
        first, second, shift = first[apart], second[apart], shift[apart]
    found = banded_identity(flat, first, second, shift)
    kept = found >= identity - 1e-9
    low = np.minimum(first[kept], second[kept] % num)
    high = np.maximum(first[kept], second[kept] % num)
    found = found[kept]
    order = np.lexsort((-found, high, low))
    low, high, found = low[order], high[order], found[order]
    best = np.ones(len(low), dtype=bool)
    best[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    return SimilarPairs(low[best], high[best], found[best])


def _candidates(
    flat: FlatCodes, identity: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return (first, second, shift) of likely pairs; base p of first lies on p + shift of second."""
    starts, owners = _window_starts(flat)
    if len(starts) == 0:
        empty = np.zeros(0, dtype=np.int64)
        return empty, empty, empty
    rng = np.random.default_rng(seed)
    sampled = min(16, max(11, int(np.ceil(np.log2(min(len(starts), _MOST_WINDOWS)) / 2))))
    keep_one_in = -(-len(starts) // _MOST_WINDOWS)
    windows_each = len(starts) / (len(flat.offsets) - 1) / keep_one_in
    tables = int(np.clip(np.ceil(_EXPECTED_HITS / (windows_each * identity**sampled)), 2, 24))
    # One standard deviation below the matches expected in a window of a pair at the threshold: a
    # pair has many windows, a stricter test of each costs little.
    least = WINDOW * identity - np.sqrt(WINDOW * identity * (1 - identity))
    most_apart = WINDOW - int(np.floor(least))
    keys: list[NDArray[np.int64]] = []
    shifts: list[NDArray[np.int64]] = []
    num = len(flat.offsets) - 1
    for _ in range(tables):
        order = rng.permutation(WINDOW)
        words = _permuted_words(flat.codes, starts, order)
        chosen = slice(None)
        if keep_one_in > 1:
            mixed = (words >> np.uint64(64 - 2 * sampled)) * np.uint64(0x9E3779B97F4A7C15)
            chosen = (mixed >> np.uint64(40)) % np.uint64(keep_one_in) == 0
        first, second, shift = _close_in_table(
            words[chosen], starts[chosen], owners[chosen], flat.offsets, sampled, most_apart
        )
        key, index = np.unique(first * num + second, return_index=True)
        keys.append(key)
        shifts.append(shift[index])
    key, index = np.unique(np.concatenate(keys), return_index=True)
    return key // num, key % num, np.concatenate(shifts)[index]


def _window_starts(flat: FlatCodes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where every whole window of ACGT begins in the flat codes, and whose it is."""
    lengths = np.diff(flat.offsets)
    owners = np.repeat(np.arange(len(lengths)), lengths)
    begins = np.arange(len(flat.codes))
    inside = begins + WINDOW <= flat.offsets[1:][owners] if len(owners) else begins < 0
    unknown = np.concatenate([np.zeros(1, np.int64), np.cumsum(flat.codes == UNKNOWN)])
    starts = begins[inside]
    starts = starts[unknown[starts + WINDOW] == unknown[starts]]
    return starts, owners[starts]


def _permuted_words(
    codes: NDArray[np.uint8], starts: NDArray[np.int64], order: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """Return each window as a word whose highest bits are the base at `order[0]`, and so on."""
    words = np.zeros(len(starts), dtype=np.uint64)
    wide = codes.astype(np.uint64)
    for offset in order:
        words <<= np.uint64(2)
        words |= wide[starts + offset]
    return words


def _close_in_table(
    words: NDArray[np.uint64],
    starts: NDArray[np.int64],
    owners: NDArray[np.int64],
    offsets: NDArray[np.int64],
    sampled: int,
    most_apart: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return windows that share the sampled bases and differ in at most `most_apart` of all."""
    order = np.argsort(words, kind="stable")
    words, starts, owners = words[order], starts[order], owners[order]
    bucket = words >> np.uint64(64 - 2 * sampled)
    odd = np.uint64(0x5555555555555555)
    alive = np.arange(len(words) - 1)
    found: list[NDArray[np.int64]] = []
    # Within a bucket the words stay sorted by the other bases, so in the crowded buckets of
    # repeats, where only the nearest neighbours are compared, these are the likely ones.
    for step in range(1, _NEIGHBOURS + 1):
        alive = alive[alive + step < len(words)]
        alive = alive[bucket[alive] == bucket[alive + step]]
        if len(alive) == 0:
            break
        apart = words[alive] ^ words[alive + step]
        differences = np.bitwise_count((apart | (apart >> np.uint64(1))) & odd)
        near = alive[(differences <= most_apart) & (owners[alive] != owners[alive + step])]
        found.append(np.stack([near, near + step]))
    left, right = np.concatenate(found, axis=1) if found else np.zeros((2, 0), np.int64)
    swap = owners[left] > owners[right]
    left, right = np.where(swap, right, left), np.where(swap, left, right)
    place = starts - offsets[owners]
    return owners[left], owners[right], place[right] - place[left]
