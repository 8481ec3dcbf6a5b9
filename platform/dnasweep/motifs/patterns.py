"""A motif that was found: its places in sequences, and the matrix they make."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dnasweep.formats.bases import UNKNOWN, Codes

Floats = NDArray[np.float64]

PSEUDOCOUNT = 1.0
"""Sites added to the counts of a column, shared by the four bases."""
MIN_BITS = 0.3
"""Columns of a motif's core tell more than this in the mean of any end of it."""
MIN_WIDTH = 8
"""Bases a core has at least, where the motif has them: fewer do not tell places from chance."""


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A motif and its instances in the sequences it was found in."""

    name: str
    """Of the motif."""
    rows: NDArray[np.int64]
    """(instances,) the sequence of each."""
    starts: NDArray[np.int64]
    """(instances,) the column of its first base, on the strand given."""
    reverse: NDArray[np.bool_]
    """(instances,) whether it stands on the other strand."""
    matrix: Floats
    """(width, 4) share of A, C, G and T at each base, pseudocounts added."""
    contributions: Floats | None = None
    """(width,) mean value of each base over the instances."""
    words: tuple[str, ...] = ()
    """The words it was merged from."""
    either_strand: bool = False
    """Whether places on either strand count."""

    @property
    def width(self) -> int:
        """Bases of an instance."""
        return len(self.matrix)

    @cached_property
    def core(self) -> slice:
        """The columns that together tell most beyond `MIN_BITS` each, widened to `MIN_WIDTH`.

        What so few instances tell by chance, 3 / (2 ln 2 n) bits (Schneider et al. 1986), is taken
        off first.
        """
        bits = information(self.matrix)
        by_chance = 3 / (2 * np.log(2) * max(1, len(self.rows)))
        total = np.concatenate([[0.0], (bits - by_chance - MIN_BITS).cumsum()])
        # The stretch of greatest sum ends where the sum so far is furthest above its least.
        end = int(np.argmax(total[1:] - np.minimum.accumulate(total)[:-1])) + 1
        first, last = int(np.argmin(total[:end])), end
        bits = np.pad(bits, 1, constant_values=-1)
        while last - first < min(MIN_WIDTH, self.width):
            # The neighbour that tells more; bits[i + 1] is column i.
            if bits[first] >= bits[last + 1]:
                first -= 1
            else:
                last += 1
        return slice(first, last)

    @property
    def consensus(self) -> str:
        """The likeliest base of each column of the core; n where none has half of the share."""
        rows = self.matrix[self.core]
        return "".join("ACGT"[int(row.argmax())] if row.max() >= 0.5 else "n" for row in rows)


def information(matrix: Floats) -> Floats:
    """Return the bits of each column against bases of equal frequency, (width,)."""
    return 2 + (matrix * np.log2(matrix)).sum(axis=1)


def matrix_of(
    codes: Codes,
    rows: NDArray[np.int64],
    starts: NDArray[np.int64],
    reverse: NDArray[np.bool_],
    width: int,
) -> Floats:
    """Return the shares of bases in windows of sequences, (width, 4), pseudocounts added.

    Parameters
    ----------
    codes
        (n, columns) bases of all sequences; every window lies within.
    """
    words = codes[rows[:, None], starts[:, None] + np.arange(width)]
    turned = np.where(words == UNKNOWN, UNKNOWN, 3 - words.astype(np.int64))[:, ::-1]
    words = np.where(reverse[:, None], turned, words)
    counts = (words[:, :, None] == np.arange(4)).sum(axis=0) + PSEUDOCOUNT / 4
    return counts / counts.sum(axis=1, keepdims=True)
