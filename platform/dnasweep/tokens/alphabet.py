"""Normalisation of DNA, as text and as digits.

Lower case becomes upper case, U becomes T, and every other letter that is not A, C, G or T (N, the
IUPAC ambiguity codes, anything else) becomes N. Each letter becomes exactly one letter, so
positions are the same in the original and the normalised sequence. The digits follow the order A,
T, C, G in which DNABERT enumerates its vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from dnasweep.formats.bases import reverse_complement

BASES = "ATCG"
"""The four bases; a base's digit is its index in this string."""

_LETTERS = bytes(
    ord({"U": "T"}.get(c, c)) if (c := chr(b).upper()) in ("A", "C", "G", "T", "U") else ord("N")
    for b in range(256)
)
_DIGITS = bytes(BASES.index(chr(b)) if chr(b) in BASES else 4 for b in _LETTERS)


def normalise(text: str) -> str:
    """Return `text` normalised to A, C, G, T and N; the length is unchanged.

    Examples
    --------
    >>> normalise("acgu-R")
    'ACGTNN'
    """
    return text.encode("ascii", "replace").translate(_LETTERS).decode("ascii")


def other_strand(text: str) -> str:
    """Return the reverse complement of `text`, normalised.

    Examples
    --------
    >>> other_strand("tataan")
    'NTTATA'
    """
    return reverse_complement(normalise(text))


def digits(text: str) -> NDArray[np.uint8]:
    """Return one digit per letter, shape ``(len(text),)``: A 0, T 1, C 2, G 3, anything else 4."""
    return np.frombuffer(text.encode("ascii", "replace").translate(_DIGITS), np.uint8)


def window_codes(letters: NDArray[np.uint8], width: int) -> NDArray[np.int32]:
    """Read every window of `width` digits as a number in base 4.

    Parameters
    ----------
    letters
        Digits returned by :func:`digits`.
    width
        Bases per window, at most 6.

    Returns
    -------
    codes
        Shape ``(max(0, len(letters) - width + 1),)``; below ``4**width`` for windows of only A, C,
        G and T, and at least ``4**width`` for all others.

    Examples
    --------
    >>> window_codes(digits("ATCG"), 2).tolist()
    [1, 6, 11]
    """
    if letters.size < width:
        return np.empty(0, np.int32)
    base = letters.astype(np.int32)
    base[letters == 4] = 4**width
    return _codes(base, width)


def _codes(base: NDArray[np.int32], width: int) -> NDArray[np.int32]:
    if width == 1:
        return base
    half = width // 2
    left, right = _codes(base, half), _codes(base, width - half)
    return left[: right.size - half] * np.int32(4 ** (width - half)) + right[half:]


def chunks(lengths: NDArray[np.int64], size: int) -> Iterator[tuple[int, int]]:
    """Divide rows into runs ``[first, last)`` of about `size` bases and at least one row."""
    ends = np.cumsum(lengths)
    first = 0
    while first < lengths.size:
        done = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + size, "right")))
        # Rows without bases have a cost as well.
        last = min(last, first + size)
        yield first, last
        first = last


def lengths_of(sequences: Sequence[str]) -> NDArray[np.int64]:
    """Return the length of each sequence in bases."""
    return np.fromiter(map(len, sequences), np.int64, len(sequences))
