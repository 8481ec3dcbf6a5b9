"""Pairs of sequences that may be similar, among millions of windows.

Found by locality-sensitive hashing by bit sampling (Indyk and Motwani 1998, in the
sorted-table form of Manku, Jain and Das Sarma 2007): every 32-base window is packed into one
64-bit integer with its bases in a random order, so sorting the integers groups windows that
agree in a random sample of positions. One XOR then counts the matches of two whole windows.

Both strands are searched at the cost of one. The sampled positions are symmetric about the middle of the
window, so its reverse complement is sampled at the same positions. Only the strand whose sample sorts first
is kept, so windows that are similar on opposite strands are found like those on the same strand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.formats.bases import UNKNOWN, FlatCodes

WINDOW = 32
"""Bases per hashed window, which fill 64 bits at two bits each. Shorter sequences are in no pair."""

_EXPECTED_HITS = 60.0
_MAX_WINDOWS = 6_000_000
_NEIGHBOURS = 24
_PARTNERS = 40


class LikelyPairs(NamedTuple):
    """Pairs of sequences that may be similar, on either strand."""

    first: NDArray[np.int64]
    """(pairs,) one sequence, as given."""
    second: NDArray[np.int64]
    """(pairs,) the other, `first < second`."""
    shift: NDArray[np.int64]
    """(pairs,) base p of the first is aligned with base p + shift of the second, on the strand in `reverse`."""
    reverse: NDArray[np.bool_]
    """(pairs,) whether the second is read as its reverse complement."""


def likely_pairs(flat: FlatCodes, identity: float, seed: int) -> LikelyPairs:
    """Return pairs of sequences with windows that agree in most of their bases.

    Parameters
    ----------
    flat
        The sequences.
    identity
        Minimum identity of the pairs.
    seed
        Seed of the sampled positions.
    """
    starts, owners = _window_starts(flat)
    if len(starts) == 0:
        empty = np.zeros(0, dtype=np.int64)
        return LikelyPairs(empty, empty, empty, empty.astype(bool))
    rng = np.random.default_rng(seed)
    sampled = min(16, 2 * int(np.ceil(np.log2(min(len(starts), _MAX_WINDOWS)) / 4)))
    sampled = max(12, sampled)
    keep_one_in = -(-len(starts) // _MAX_WINDOWS)
    windows_each = len(starts) / (len(flat.offsets) - 1) / keep_one_in
    tables = int(np.clip(np.ceil(_EXPECTED_HITS / (windows_each * identity**sampled)), 2, 24))
    # One standard deviation below the expected matches in a window of a pair at the threshold. A pair
    # has many windows, so a stricter test of each loses little.
    least = WINDOW * identity - np.sqrt(WINDOW * identity * (1 - identity))
    most_apart = WINDOW - int(np.floor(least))
    num = len(flat.offsets) - 1
    hits = []
    for _ in range(tables):
        mirrored = rng.permutation(WINDOW // 2)
        order = np.stack([mirrored, WINDOW - 1 - mirrored], axis=1).ravel()
        packed, reverse = _first_readings(flat.codes, starts, order, sampled)
        chosen = slice(None)
        if keep_one_in > 1:
            mixed = (packed >> np.uint64(64 - 2 * sampled)) * np.uint64(0x9E3779B97F4A7C15)
            chosen = (mixed >> np.uint64(40)) % np.uint64(keep_one_in) == 0
        table = _Table(
            packed[chosen], reverse[chosen], starts[chosen], owners[chosen], flat.offsets
        )
        hits.append(_close_in_table(table, sampled, most_apart))
    return _strongest(_together(hits), num, _span(flat.offsets))


class _Table(NamedTuple):
    """Windows: packed bases, whether these are of the reverse complement, start of each window in the flat
    codes, sequence of each window, and the offsets of the codes."""

    packed: NDArray[np.uint64]
    reverse: NDArray[np.bool_]
    starts: NDArray[np.int64]
    owners: NDArray[np.int64]
    offsets: NDArray[np.int64]


class _Hits(NamedTuple):
    """Diagonals of pairs, each once, and the number of similar windows on each.

    A key is ((first * num + second) * 2 + reverse) * span + shift + span // 2.
    """

    key: NDArray[np.int64]
    number: NDArray[np.int64]


def _span(offsets: NDArray[np.int64]) -> int:
    return 2 * int(np.diff(offsets).max()) + 1


def _together(hits: Sequence[_Hits]) -> _Hits:
    """Return each diagonal once, with the sum of its hits."""
    key, inverse = np.unique(np.concatenate([h.key for h in hits]), return_inverse=True)
    counts = np.concatenate([h.number for h in hits])
    return _Hits(key, np.bincount(inverse, counts, minlength=len(key)).astype(np.int64))


def _strongest(hits: _Hits, num: int, span: int) -> LikelyPairs:
    """Return the best diagonal of each pair and strand, for the best partners of each sequence only.

    A family of repeats has too many pairs to align all of them.
    """
    # Best diagonal first within each pair: a chance match of repeats must not lead the alignment.
    order = np.lexsort((-hits.number, hits.key // span))
    pair = hits.key[order] // span
    begins = np.flatnonzero(np.diff(pair, prepend=-1))
    total = np.add.reduceat(hits.number[order], begins) if len(begins) else hits.number
    pair, shift = pair[begins], hits.key[order][begins] % span - span // 2
    kept = np.zeros(len(pair), dtype=bool)
    first, second = pair // 2 // num, pair // 2 % num
    for member in (first, second):
        order = np.lexsort((-total, member))
        begins = np.flatnonzero(np.diff(member[order], prepend=-1))
        rank = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
        kept[order[rank < _PARTNERS]] = True
    return LikelyPairs(first[kept], second[kept], shift[kept], pair[kept] % 2 == 1)


def _window_starts(flat: FlatCodes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the start in the flat codes of every complete window of ACGT, and its sequence."""
    lengths = np.diff(flat.offsets)
    owners = np.repeat(np.arange(len(lengths)), lengths)
    begins = np.arange(len(flat.codes))
    inside = begins + WINDOW <= flat.offsets[1:][owners] if len(owners) else begins < 0
    unknown = np.concatenate([np.zeros(1, np.int64), np.cumsum(flat.codes == UNKNOWN)])
    starts = begins[inside]
    starts = starts[unknown[starts + WINDOW] == unknown[starts]]
    return starts, owners[starts]


def _first_readings(
    codes: NDArray[np.uint8], starts: NDArray[np.int64], order: NDArray[np.int64], sampled: int
) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Return each window as an integer, and whether this is of its reverse complement.

    The highest bits of the integer are the base at `order[0]`, and so on. The strand used is the one
    whose first `sampled` bases sort first.
    """
    num = len(codes) - WINDOW + 1
    packed = np.zeros(num, dtype=np.uint64)
    others = np.zeros(num, dtype=np.uint64)
    wide = codes.astype(np.uint64)
    complement = np.uint64(3) - wide
    for offset in order:
        packed <<= np.uint64(2)
        packed |= wide[offset : offset + num]
        others <<= np.uint64(2)
        others |= complement[WINDOW - 1 - offset : WINDOW - 1 - offset + num]
    # Reading slices of all windows, even across sequences, is faster than reading single windows.
    packed, others = packed[starts], others[starts]
    rest = np.uint64(2 * (WINDOW - sampled))
    reverse = (others >> rest) < (packed >> rest)
    return np.where(reverse, others, packed), reverse


def _close_in_table(table: _Table, sampled: int, most_apart: int) -> _Hits:
    """Return windows that share the sampled bases and differ in at most `most_apart` of all."""
    order = np.argsort(table.packed, kind="stable")
    packed, owners, reverse = table.packed[order], table.owners[order], table.reverse[order]
    lengths = np.diff(table.offsets)
    position = table.starts[order] - table.offsets[owners]
    num = len(table.offsets) - 1
    bucket = packed >> np.uint64(64 - 2 * sampled)
    odd = np.uint64(0x5555555555555555)
    alive = np.arange(max(len(packed) - 1, 0))
    none = np.zeros(0, dtype=np.int64)
    span = _span(table.offsets)
    found = [_Hits(none, none)]
    # Within a bucket the integers are sorted by the other bases. In crowded buckets of repeats only
    # nearest neighbours are compared; these are the most likely matches.
    for step in range(1, _NEIGHBOURS + 1):
        alive = alive[alive + step < len(packed)]
        alive = alive[bucket[alive] == bucket[alive + step]]
        if len(alive) == 0:
            break
        apart = packed[alive] ^ packed[alive + step]
        differences = np.bitwise_count((apart | (apart >> np.uint64(1))) & odd)
        left = alive[(differences <= most_apart) & (owners[alive] != owners[alive + step])]
        right = left + step
        swap = owners[left] > owners[right]
        left, right = np.where(swap, right, left), np.where(swap, left, right)
        other = reverse[left] != reverse[right]
        # In the reverse complement, the distance of the window to the end becomes its start.
        there = np.where(other, lengths[owners[right]] - WINDOW - position[right], position[right])
        shift = there - position[left] + span // 2
        pair = (owners[left] * num + owners[right]) * 2 + other
        found.append(_Hits(*np.unique(pair * span + shift, return_counts=True)))
    return _together(found)
