"""Counts of all k-mers of 1 to k bases in a text.

Only k-mers of A, C, G and T are counted: k-mers that include an N or cross from one sequence to
the next are not counted. Soft-masked (lower-case) bases can be left out in the same way. Counts
are exact integers, so the counts of a text are the sum of those of its parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from dnasweep.tokens.alphabet import BASES, chunks, digits, lengths_of, window_codes

SEPARATOR = "|"
"""A letter that is not a base, to separate sequences in one text."""

_KEPT = bytes(ord("N") if chr(b).islower() else b for b in range(256))
# Number of letters processed at a time, so the arrays fit into the cache.
_CHUNK = 1 << 18
# Complement of a digit: A 0, T 1, C 2, G 3.
_COMPLEMENT = np.array([1, 0, 3, 2])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class NGramCounts:
    """Numbers of occurrences of all k-mers of 1 to k bases."""

    counts: tuple[NDArray[np.int64], ...]
    """One array per length n, shape ``(4**n,)``; the index of a k-mer is its number in base 4 with
    A 0, T 1, C 2, G 3 (:func:`dnasweep.tokens.alphabet.window_codes`)."""

    @classmethod
    def zeros(cls, k: int) -> NGramCounts:
        """Return the counts of an empty text."""
        return cls(counts=tuple(np.zeros(4**n, np.int64) for n in range(1, k + 1)))

    @classmethod
    def of_flat(cls, flat: NDArray[np.int64], k: int) -> NGramCounts:
        """Return the counts of k-mers of 1 to k bases from one array like :attr:`flat`."""
        return cls(counts=tuple(np.split(flat, np.cumsum(4 ** np.arange(1, k)))))

    @property
    def k(self) -> int:
        """Length of the longest k-mers."""
        return len(self.counts)

    @property
    def flat(self) -> NDArray[np.int64]:
        """All counts in one array, short k-mers first."""
        return np.concatenate(self.counts)

    @property
    def num_bases(self) -> int:
        """Number of A, C, G and T in the text."""
        return int(self.counts[0].sum())

    def __add__(self, other: NGramCounts) -> NGramCounts:
        return NGramCounts(
            counts=tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        )

    def both_strands(self) -> NGramCounts:
        """Return the counts of the text and of its reverse complement together."""
        return self + NGramCounts(counts=tuple(map(_other_strand, self.counts)))

    def save(self, file: Path) -> None:
        """Write the counts as safetensors."""
        save_file({str(n): c for n, c in enumerate(self.counts, start=1)}, file)

    @classmethod
    def load(cls, file: Path) -> NGramCounts:
        """Read counts written by :meth:`save`."""
        arrays = load_file(file)
        return cls(counts=tuple(arrays[str(n)] for n in range(1, len(arrays) + 1)))


def _other_strand(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    n = round(np.log(counts.size) / np.log(4))
    cube = counts.reshape((4,) * n).transpose()
    return cube[np.ix_(*[_COMPLEMENT] * n)].reshape(-1)


def all_kmers(k: int) -> list[str]:
    """Return all k-mers in the order in which they are counted."""
    return ["".join(bases) for bases in product(BASES, repeat=k)]


def count_text(text: str, k: int, *, context: int = 0, soft_masked: bool = True) -> NGramCounts:
    """Count k-mers in a text.

    Parameters
    ----------
    text
        Bases in any case; every other letter ends a run of bases.
    k
        Length of the longest k-mers, at most 6.
    context
        Number of letters at the start of `text` that are also the end of the previous part, at
        most k - 1: a k-mer is counted only if it ends after them.
    soft_masked
        Whether lower-case bases are used; if not, they are treated as N.

    Returns
    -------
    counts
        The counts of the parts of a text, each with the last k - 1 letters of the previous part as
        context, add up to the counts of the whole text.

    Examples
    --------
    >>> dict(zip(all_kmers(2), count_text("TATATA", k=2).counts[-1].tolist()))["TA"]
    3
    """
    if not soft_masked:
        text = text.encode("ascii", "replace").translate(_KEPT).decode("ascii")
    return _count(digits(text), k, context)


def count_sequences(sequences: Sequence[str], k: int, *, soft_masked: bool = True) -> NGramCounts:
    """Count k-mers in sequences; k-mers that cross from one sequence to the next are not counted.

    Parameters
    ----------
    sequences
        DNA sequences as strings.
    k
        Length of the longest k-mers, at most 6.
    soft_masked
        Whether lower-case bases are used; if not, they are treated as N.
    """
    total = NGramCounts.zeros(k)
    for first, last in chunks(lengths_of(sequences), 1 << 22):
        text = SEPARATOR.join(sequences[first:last])
        total = total + count_text(text, k, soft_masked=soft_masked)
    return total


def _count(letters: NDArray[np.uint8], k: int, context: int) -> NGramCounts:
    # With k - 1 letters before the first counted one, every position ends a window of every
    # length.
    letters = np.concatenate([np.full(k - 1 - context, 4, np.uint8), letters])
    whole = np.zeros(4**k + 1, np.int64)
    shorter = [np.zeros(4**n, np.int64) for n in range(1, k)]
    for first in range(0, letters.size - k + 1, _CHUNK):
        part = letters[first : first + _CHUNK + k - 1]
        codes = np.minimum(window_codes(part, k), 4**k)
        whole += np.bincount(codes, minlength=4**k + 1)
        _count_cut_short(part, np.flatnonzero(codes == 4**k) + k - 1, shorter)
    # Every k-mer ends with one k-mer of each smaller length.
    ends = (whole[:-1].reshape(-1, 4**n).sum(axis=0) for n in range(1, k))
    return NGramCounts(
        counts=(*(a + b for a, b in zip(ends, shorter, strict=True)), whole[:-1].copy())
    )


def _count_cut_short(
    letters: NDArray[np.uint8], ends: NDArray[np.int64], into: Iterable[NDArray[np.int64]]
) -> None:
    """Add the k-mers that end at `ends`, where only shorter ones consist of bases."""
    codes = np.zeros(ends.size, np.int64)
    for back, counts in enumerate(into):
        letter = letters[ends - back]
        inside = letter < 4
        ends, codes = ends[inside], codes[inside] + letter[inside].astype(np.int64) * 4**back
        counts += np.bincount(codes, minlength=counts.size)
