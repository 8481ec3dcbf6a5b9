"""Pairs of sequences that may be alike, among millions of windows.

Found by locality-sensitive hashing by bit sampling (Indyk and Motwani 1998, in the
sorted-table form of Manku, Jain and Das Sarma 2007): every 32-base window is packed into one
64-bit word with its bases in a random order, so that sorting the words brings windows together
that agree in a random sample of positions. One XOR then counts the matches of two whole windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.genome.bases import UNKNOWN, FlatCodes

WINDOW = 32
"""Bases a hashed window: two bits each fill one word. Shorter sequences are in no pair."""

_EXPECTED_HITS = 60.0
_MOST_WINDOWS = 6_000_000
_NEIGHBOURS = 24
_PARTNERS = 40


def likely_pairs(
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
    num = len(flat.offsets) - 1
    hits = []
    for _ in range(tables):
        order = rng.permutation(WINDOW)
        words = _permuted_words(flat.codes, starts, order)
        chosen = slice(None)
        if keep_one_in > 1:
            mixed = (words >> np.uint64(64 - 2 * sampled)) * np.uint64(0x9E3779B97F4A7C15)
            chosen = (mixed >> np.uint64(40)) % np.uint64(keep_one_in) == 0
        table = _Table(words[chosen], starts[chosen], owners[chosen], flat.offsets)
        hits.append(_close_in_table(table, sampled, most_apart))
    return _strongest(_together(hits), num, _span(flat.offsets))


class _Table(NamedTuple):
    """Windows: their words, where they begin in the flat codes, whose they are, and its offsets."""

    words: NDArray[np.uint64]
    starts: NDArray[np.int64]
    owners: NDArray[np.int64]
    offsets: NDArray[np.int64]


class _Hits(NamedTuple):
    """Diagonals of pairs, each once, and the number of windows that lie close on each.

    A key is (first * num + second) * span + shift + span // 2.
    """

    key: NDArray[np.int64]
    number: NDArray[np.int64]


def _span(offsets: NDArray[np.int64]) -> int:
    return 2 * int(np.diff(offsets).max()) + 1


def _together(hits: Sequence[_Hits]) -> _Hits:
    """Return each diagonal once, its hits added up."""
    key, inverse = np.unique(np.concatenate([h.key for h in hits]), return_inverse=True)
    counts = np.concatenate([h.number for h in hits])
    return _Hits(key, np.bincount(inverse, counts, minlength=len(key)).astype(np.int64))


def _strongest(
    hits: _Hits, num: int, span: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return (first, second, shift) of pairs, on their best diagonal, with the best partners only.

    A family of repeats has too many pairs to align them all.
    """
    # Best diagonal first within each pair: a chance match of repeats must not lead the alignment.
    order = np.lexsort((-hits.number, hits.key // span))
    pair = hits.key[order] // span
    begins = np.flatnonzero(np.diff(pair, prepend=-1))
    total = np.add.reduceat(hits.number[order], begins) if len(begins) else hits.number
    pair, shift = pair[begins], hits.key[order][begins] % span - span // 2
    kept = np.zeros(len(pair), dtype=bool)
    for member in (pair // num, pair % num):
        order = np.lexsort((-total, member))
        begins = np.flatnonzero(np.diff(member[order], prepend=-1))
        rank = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
        kept[order[rank < _PARTNERS]] = True
    return pair[kept] // num, pair[kept] % num, shift[kept]


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


def _close_in_table(table: _Table, sampled: int, most_apart: int) -> _Hits:
    """Return windows that share the sampled bases and differ in at most `most_apart` of all."""
    order = np.argsort(table.words, kind="stable")
    words, owners = table.words[order], table.owners[order]
    place = table.starts[order] - table.offsets[owners]
    num = len(table.offsets) - 1
    bucket = words >> np.uint64(64 - 2 * sampled)
    odd = np.uint64(0x5555555555555555)
    alive = np.arange(max(len(words) - 1, 0))
    none = np.zeros(0, dtype=np.int64)
    span = _span(table.offsets)
    found = [_Hits(none, none)]
    # Within a bucket the words stay sorted by the other bases, so in the crowded buckets of
    # repeats, where only the nearest neighbours are compared, these are the likely ones.
    for step in range(1, _NEIGHBOURS + 1):
        alive = alive[alive + step < len(words)]
        alive = alive[bucket[alive] == bucket[alive + step]]
        if len(alive) == 0:
            break
        apart = words[alive] ^ words[alive + step]
        differences = np.bitwise_count((apart | (apart >> np.uint64(1))) & odd)
        left = alive[(differences <= most_apart) & (owners[alive] != owners[alive + step])]
        right = left + step
        swap = owners[left] > owners[right]
        left, right = np.where(swap, right, left), np.where(swap, left, right)
        shift = place[right] - place[left] + span // 2
        pair = owners[left] * num + owners[right]
        found.append(_Hits(*np.unique(pair * span + shift, return_counts=True)))
    return _together(found)
