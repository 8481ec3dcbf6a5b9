"""A discovered motif: its instances in sequences, and their matrix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dnasweep.formats.bases import UNKNOWN, Codes

Floats = NDArray[np.float64]

PSEUDOCOUNT = 1.0
"""Number of sites added to the counts of a column, divided equally among the four bases."""
MIN_BITS = 0.3
"""Information in bits that is subtracted from every column to find the core of a motif."""
MIN_WIDTH = 8
"""Minimum width of a core in bases, if the motif is wide enough: narrower cores have too many chance hits."""


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A motif and its instances in the sequences it was found in."""

    name: str
    """Name of the motif."""
    rows: NDArray[np.int64]
    """Row of the sequence of each instance, (instances,)."""
    starts: NDArray[np.int64]
    """Column of the first base of each instance, on the forward strand, (instances,)."""
    reverse: NDArray[np.bool_]
    """Whether each instance is on the reverse strand, (instances,)."""
    matrix: Floats
    """Frequencies of A, C, G and T at each base, (width, 4), with pseudocounts."""
    kmers: tuple[str, ...] = ()
    """K-mers that were merged into the motif."""
    either_strand: bool = False
    """Whether hits on either strand count."""

    @property
    def width(self) -> int:
        """Length of an instance in bases."""
        return len(self.matrix)

    @cached_property
    def core(self) -> slice:
        """Run of columns with the most information beyond `MIN_BITS` each, widened to `MIN_WIDTH`.

        The information expected by chance from n instances, 3 / (2 ln 2 n) bits (Schneider et al. 1986),
        is subtracted first.
        """
        bits = information(self.matrix)
        by_chance = 3 / (2 * np.log(2) * max(1, len(self.rows)))
        total = np.concatenate([[0.0], (bits - by_chance - MIN_BITS).cumsum()])
        # The run with the largest sum ends where the running sum is furthest above its minimum so far.
        end = int(np.argmax(total[1:] - np.minimum.accumulate(total)[:-1])) + 1
        first, last = int(np.argmin(total[:end])), end
        bits = np.pad(bits, 1, constant_values=-1)
        while last - first < min(MIN_WIDTH, self.width):
            # The neighbour with more information; bits[i + 1] is column i.
            if bits[first] >= bits[last + 1]:
                first -= 1
            else:
                last += 1
        return slice(first, last)

    @property
    def consensus(self) -> str:
        """Most frequent base of each column of the core; n if no frequency reaches one half."""
        rows = self.matrix[self.core]
        return "".join("ACGT"[int(row.argmax())] if row.max() >= 0.5 else "n" for row in rows)


def information(matrix: Floats) -> Floats:
    """Return the information of each column in bits, under equal base frequencies, (width,).

    Examples
    --------
    >>> matrix = np.array([[0.97, 0.01, 0.01, 0.01], [0.25, 0.25, 0.25, 0.25]])
    >>> information(matrix).round(2).tolist()
    [1.76, 0.0]
    """
    return 2 + (matrix * np.log2(matrix)).sum(axis=1)


def matrix_of(
    codes: Codes,
    rows: NDArray[np.int64],
    starts: NDArray[np.int64],
    reverse: NDArray[np.bool_],
    width: int,
) -> Floats:
    """Return the frequencies of bases in windows of sequences, (width, 4), with pseudocounts.

    Parameters
    ----------
    codes
        Bases of all sequences, (n, columns).
    rows, starts
        Row and first column of each window, (windows,); windows must be within the columns.
    reverse
        Whether to use the reverse complement of each window, (windows,).
    width
        Length of a window in bases.
    """
    kmers = codes[rows[:, None], starts[:, None] + np.arange(width)]
    other_strand = np.where(kmers == UNKNOWN, UNKNOWN, 3 - kmers.astype(np.int64))[:, ::-1]
    kmers = np.where(reverse[:, None], other_strand, kmers)
    counts = (kmers[:, :, None] == np.arange(4)).sum(axis=0) + PSEUDOCOUNT / 4
    return counts / counts.sum(axis=1, keepdims=True)
