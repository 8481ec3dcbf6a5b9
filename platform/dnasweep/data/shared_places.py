"""Pairs of rows that have the same bases at the same places, however little else they have in common.

A negative made by shuffling blocks of a promoter keeps some of its blocks where they were. Its identity
with the promoter is that of strangers, so that no search for similar sequences finds the pair; a
model that remembers the promoter knows the negative all the same.

A 15-mer counts where it lies at one place more often than at all other places together: a repeat (Alu)
lies anywhere. It does not count if it is of low complexity, if one of its places has the same base in
nearly all rows (the constant ends of a library), or if so many rows have it there that it says nothing of
one of them.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.formats.bases import UNKNOWN, FlatCodes

K = 15
"""Bases that have to be the same. Two random sequences of 300 bases share as many at one place once in
four million pairs."""
MIN_TRIPLETS = 9
"""Different 3-mers, of its 13, that a 15-mer has at least; poly-A has 1, a repeat of 6 bases 6."""
MOST_ROWS = 20
"""Most rows with a 15-mer at one place for it to count."""

CONSTANT = 0.95
"""Share of rows with one base at a place from which on that place is constant."""

_ASKED = 5000
_MAX_KMERS = 64_000_000
_BUCKET = 4_000_000
_MIX = np.uint32(2654435761)


class SharedPlaces(NamedTuple):
    """Pairs of rows with 15-mers at the same places, each once, `first < second`, in order."""

    first: NDArray[np.int64]
    """(pairs,) row of one member."""
    second: NDArray[np.int64]
    """(pairs,) row of the other member."""
    shared: NDArray[np.int64]
    """(pairs,) places at which both have the same 15-mer."""


def shared_places(flat: FlatCodes, *, rotated: NDArray[np.int64] | None = None) -> SharedPlaces:
    """Return the pairs of rows that share 15-mers at the same places, counted from the first base.

    Only the strand in the file is compared. Of more than 64 million bases a sample of the 15-mers is
    searched, the same in every row, so that pairs that share few may be missed.

    Parameters
    ----------
    flat
        The sequences.
    rotated
        (rows,) bases by which each row is rotated before it is compared: places that then agree do
        so by chance. None: as they are.
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
    """Return a number for the 15-mer that begins at each base, equal for equal ones only, and whether
    there is one: within a sequence, and of known bases."""
    size = max(len(flat.codes) - K + 1, 0)
    code = np.zeros(size, dtype=np.uint32)
    known = np.ones(size, dtype=bool)
    for offset in range(K):
        bases = flat.codes[offset : offset + size]
        code <<= np.uint32(2)
        code |= bases & np.uint8(3)
        known &= bases != UNKNOWN
    # The 14 last bases of a sequence begin no 15-mer.
    for offset in range(1, K):
        ends = flat.offsets[1:] - offset
        known[ends[(ends >= flat.offsets[:-1]) & (ends < size)]] = False
    # Multiplying by an odd number maps 32 bits to 32 bits one to one, and spreads AT-rich 15-mers.
    return code * _MIX, known


def _leave_out_constant(flat: FlatCodes, whole: NDArray[np.bool_]) -> None:
    """Take the 15-mers with a constant place out of those that begin at each base."""
    widths = np.diff(flat.offsets)
    # A few thousand rows tell what is constant.
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
    """Return first * rows + second for every 15-mer that two rows share at one place."""
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
    """Return the number of the run of each element, from which of them differ from the one before."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(changes)])


def _is_complex(flat: FlatCodes, starts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return whether the 15-mers that begin at some bases have enough different 3-mers."""
    seen = np.zeros(len(starts), dtype=np.uint64)
    for offset in range(K - 2):
        triplet = np.zeros(len(starts), dtype=np.uint64)
        for base in range(3):
            triplet = triplet * np.uint64(4) + flat.codes[starts + (offset + base)]
        seen |= np.uint64(1) << triplet
    return np.bitwise_count(seen) >= MIN_TRIPLETS
