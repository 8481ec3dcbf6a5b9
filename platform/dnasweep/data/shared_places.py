"""Pairs of rows with the same bases at the same positions, even if they are not similar otherwise.

A negative made by shuffling blocks of a promoter keeps some blocks in place. Its identity with the promoter
is no higher than that of unrelated sequences, so no search for similar sequences finds the pair; yet a model
that has memorised the promoter recognises the negative.

A 15-mer counts if it occurs at one position more often than at all other positions together; a repeat (Alu)
occurs anywhere. It does not count if it has low complexity, if one of its positions has the same base in
nearly all rows (the constant ends of a library), or if too many rows have it at that position for it to be
informative.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.formats.bases import UNKNOWN, FlatCodes

K = 15
"""Length of a shared run. Two random sequences of 300 bases share such a run at one position in one of four
million pairs."""
MIN_TRIPLETS = 9
"""Minimum number of different 3-mers among the 13 of a 15-mer; poly-A has 1, a repeat of 6 bases has 6."""
MOST_ROWS = 20
"""Maximum number of rows with a 15-mer at one position for it to count."""

CONSTANT = 0.95
"""Minimum fraction of rows with the same base at a position for it to be called constant."""

_ASKED = 5000
_MAX_KMERS = 64_000_000
_BUCKET = 4_000_000
_MIX = np.uint32(2654435761)


class SharedPlaces(NamedTuple):
    """Pairs of rows with 15-mers at the same positions, each once, `first < second`, in order."""

    first: NDArray[np.int64]
    """(pairs,) row of one member."""
    second: NDArray[np.int64]
    """(pairs,) row of the other member."""
    shared: NDArray[np.int64]
    """(pairs,) number of positions at which both have the same 15-mer."""


def shared_places(flat: FlatCodes, *, rotated: NDArray[np.int64] | None = None) -> SharedPlaces:
    """Return the pairs of rows that share 15-mers at the same positions, counted from the first base.

    Only the strand in the file is compared. With more than 64 million bases, the search is limited to a
    sample of the 15-mers, the same in every row, so pairs that share few of them may be missed.

    Parameters
    ----------
    flat
        The sequences.
    rotated
        (rows,) number of bases by which each row is rotated before the comparison, after which positions
        agree only by chance. None for no rotation.
    """
    hashes, whole = _hashes(flat)
    _leave_out_constant(flat, whole)
    total = int(np.count_nonzero(whole))
    limit = 2**32 // max(1, -(-total // _MAX_KMERS))
    num_buckets = max(1, -(-min(total, _MAX_KMERS) // _BUCKET))
    bounds = np.linspace(0, limit, num_buckets + 1).astype(np.uint64)
    num = len(flat.offsets) - 1
    none = np.zeros(0, dtype=np.int64)
    keys, counts = [none], [none]
    for low, high in itertools.pairwise(bounds):
        starts = np.flatnonzero(whole & (hashes >= low) & (hashes < high))
        key, count = np.unique(_pairs(flat, hashes, starts, rotated), return_counts=True)
        keys.append(key)
        counts.append(count)
    pair, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    shared = np.bincount(inverse, np.concatenate(counts), minlength=len(pair)).astype(np.int64)
    return SharedPlaces(pair // max(num, 1), pair % max(num, 1), shared)


def _hashes(flat: FlatCodes) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """Return a unique number for the 15-mer that begins at each base, and whether the 15-mer is complete,
    that is, within one sequence and without unknown bases."""
    size = max(len(flat.codes) - K + 1, 0)
    code = np.zeros(size, dtype=np.uint32)
    known = np.ones(size, dtype=bool)
    for offset in range(K):
        bases = flat.codes[offset : offset + size]
        code <<= np.uint32(2)
        code |= bases & np.uint8(3)
        known &= bases != UNKNOWN
    # No 15-mer begins at the last 14 bases of a sequence.
    for offset in range(1, K):
        ends = flat.offsets[1:] - offset
        known[ends[(ends >= flat.offsets[:-1]) & (ends < size)]] = False
    # Multiplication by an odd number is a bijection of 32-bit numbers, and spreads AT-rich 15-mers.
    return code * _MIX, known


def _leave_out_constant(flat: FlatCodes, whole: NDArray[np.bool_]) -> None:
    """Exclude 15-mers that contain a constant position, in place."""
    widths = np.diff(flat.offsets)
    # A few thousand rows are enough to find constant positions.
    rows = np.unique(np.linspace(0, max(len(widths) - 1, 0), _ASKED).astype(np.int64))
    rows = rows[rows < len(widths)]
    longest = int(widths.max(initial=0))
    constant = np.zeros(longest + 1, dtype=np.int64)
    for place in range(longest):
        reaching = rows[widths[rows] > place]
        if len(reaching) < MOST_ROWS:
            break
        bases = np.bincount(flat.codes[flat.offsets[reaching] + place], minlength=UNKNOWN)
        constant[place + 1] = bases[:UNKNOWN].max() >= CONSTANT * len(reaching)
    before = np.cumsum(constant)
    for begin in np.flatnonzero(before[K:] > before[: max(len(before) - K, 0)]):
        whole[flat.offsets[:-1][widths >= begin + K] + begin] = False


def _pairs(
    flat: FlatCodes,
    hashes: NDArray[np.uint32],
    starts: NDArray[np.int64],
    rotated: NDArray[np.int64] | None,
) -> NDArray[np.int64]:
    """Return first * rows + second for every 15-mer that two rows share at one position."""
    packed = hashes[starts].astype(np.uint64) << np.uint64(32) | starts.astype(np.uint64)
    packed.sort()
    code = packed >> np.uint64(32)
    repeats = code[1:] == code[:-1]
    again = np.zeros(len(code), dtype=bool)
    again[1:] |= repeats
    again[:-1] |= repeats
    code, starts = code[again], (packed[again] & np.uint64(2**32 - 1)).astype(np.int64)
    if len(code) == 0:
        return np.zeros(0, dtype=np.int64)
    row = np.searchsorted(flat.offsets, starts, side="right") - 1
    place = starts - flat.offsets[row]
    if rotated is not None:
        place = (place + rotated[row]) % (np.diff(flat.offsets)[row] - K + 1)
    order = np.lexsort((place, code))
    code, place, row, starts = code[order], place[order], row[order], starts[order]
    kmer = _runs(code[1:] != code[:-1])
    group = _runs((code[1:] != code[:-1]) | (place[1:] != place[:-1]))
    total, here = np.bincount(kmer)[kmer], np.bincount(group)[group]
    counted = np.flatnonzero((here > 1) & (2 * here > total) & (here <= MOST_ROWS))
    counted = counted[_is_complex(flat, starts[counted])]
    group, row = group[counted], row[counted]
    num = len(flat.offsets) - 1
    found = [np.zeros(0, dtype=np.int64)]
    for step in range(1, MOST_ROWS):
        left = np.flatnonzero(group[step:] == group[:-step]) if len(group) > step else group[:0]
        one, other = row[left], row[left + step]
        found.append(np.minimum(one, other) * num + np.maximum(one, other))
    return np.concatenate(found)


def _runs(changes: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the run number of each element, given which elements differ from the preceding one."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(changes)])


def _is_complex(flat: FlatCodes, starts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether the 15-mers that begin at `starts` have enough different 3-mers."""
    seen = np.zeros(len(starts), dtype=np.uint64)
    for offset in range(K - 2):
        triplet = np.zeros(len(starts), dtype=np.uint64)
        for base in range(3):
            triplet = triplet * np.uint64(4) + flat.codes[starts + (offset + base)]
        seen |= np.uint64(1) << triplet
    return np.bitwise_count(seen) >= MIN_TRIPLETS
