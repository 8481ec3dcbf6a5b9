"""Counts of k-mers in many sequences at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack, vstack

from dnasweep.formats.bases import UNKNOWN, FlatCodes, encode_flat

_PLACES = 4_000_000


def kmer_counts(
    sequences: Sequence[str], *, ks: Sequence[int] = (3, 4, 5), both_strands: bool = False
) -> csr_matrix:
    """Return counts of overlapping k-mers, (sequences, columns), sparse.

    K-mers with letters other than ACGT are not counted.

    Parameters
    ----------
    sequences
        DNA of any lengths.
    ks
        K-mer sizes, each at least 1; their columns are concatenated, each size beginning with AA...A.
    both_strands
        Whether a k-mer and its reverse complement share the column of the one that is first in
        alphabetical order; otherwise there are 4^k columns, and the strand in the file matters.
    """
    flat = encode_flat(sequences)
    return hstack([_counts(flat, k, both_strands) for k in ks], format="csr", dtype=np.float64)


def _counts(flat: FlatCodes, k: int, both_strands: bool) -> csr_matrix:
    num = len(flat.offsets) - 1
    columns = _columns(k, both_strands)
    shape = (num, int(columns.max()) + 1)
    size = len(flat.codes) - k + 1
    if size <= 0 or num == 0:
        return csr_matrix(shape)
    code = np.zeros(size, dtype=np.int32)
    whole = np.ones(size, dtype=bool)
    for offset in range(k):
        codes = flat.codes[offset : offset + size]
        code = code * 4 + codes
        whole &= codes != UNKNOWN
    owner = np.repeat(np.arange(num), np.diff(flat.offsets))
    whole &= owner[:size] == owner[k - 1 :]
    begins = np.flatnonzero(whole)
    # Counting into a dense table, in blocks of rows, is faster than sorting the k-mers.
    height = max(1, _PLACES // shape[1])
    blocks = []
    for first in range(0, num, height):
        last = min(first + height, num)
        low, high = np.searchsorted(begins, flat.offsets[[first, last]])
        here = begins[low:high]
        place = (owner[here] - first) * shape[1] + columns[code[here]]
        counts = np.bincount(place, minlength=(last - first) * shape[1])
        blocks.append(csr_matrix(counts.reshape(last - first, shape[1])))
    return vstack(blocks, format="csr")


def _columns(k: int, both_strands: bool) -> NDArray[np.int64]:
    """Return the column of each k-mer, (4^k,)."""
    codes = np.arange(4**k)
    if not both_strands:
        return codes
    rest, reverse = codes.copy(), np.zeros_like(codes)
    for _ in range(k):
        reverse = reverse * 4 + 3 - rest % 4
        rest //= 4
    return np.unique(np.minimum(codes, reverse), return_inverse=True)[1].astype(np.int64)
