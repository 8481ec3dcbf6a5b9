"""Bases as small integers: A 0, C 1, G 2, T 3, anything else 4."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint8]

UNKNOWN = 4
"""The code of every letter that is not A, C, G or T."""

_LETTERS = np.frombuffer(b"ACGTN", dtype=np.uint8)
_CODE_OF = np.full(256, UNKNOWN, dtype=np.uint8)
for _code, _letter in enumerate(b"ACGT"):
    _CODE_OF[_letter] = _code
    _CODE_OF[_letter + 32] = _code
_COMPLEMENT = bytes.maketrans(b"ACGTRYKMBVDHacgtrykmbvdh", b"TGCAYRMKVBHDtgcayrmkvbhd")


class FlatCodes(NamedTuple):
    """Many sequences in one array; sequence i is `codes[offsets[i]:offsets[i + 1]]`."""

    codes: Codes
    """(bases,) codes of all sequences, one after the other."""
    offsets: NDArray[np.int64]
    """(n + 1,) start of each sequence, and the end of the last one."""


def encode(sequence: str) -> Codes:
    """Return the codes of one sequence, in upper or lower case, (bases,).

    Examples
    --------
    >>> encode("ACGTN").tolist()
    [0, 1, 2, 3, 4]
    """
    return _CODE_OF[np.frombuffer(sequence.encode("ascii", "replace"), dtype=np.uint8)]


def encode_flat(sequences: Sequence[str]) -> FlatCodes:
    """Return the codes of many sequences of any lengths in one array."""
    lengths = np.fromiter((len(s) for s in sequences), dtype=np.int64, count=len(sequences))
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return FlatCodes(encode("".join(sequences)), offsets)


def decode(codes: Codes) -> str:
    """Return the letters of codes, N for 4; the inverse of :func:`encode` on ACGTN.

    Examples
    --------
    >>> decode(encode("acgtR"))
    'ACGTN'
    """
    return _LETTERS[codes].tobytes().decode("ascii")


def decode_rows(codes: Codes) -> list[str]:
    """Return one string per row of a (n, bases) array of codes.

    Examples
    --------
    >>> decode_rows(np.array([[0, 1, 2], [3, 3, 4]]))
    ['ACG', 'TTN']
    """
    text = _LETTERS[codes].tobytes().decode("ascii")
    width = codes.shape[1]
    return [text[i * width : (i + 1) * width] for i in range(codes.shape[0])]


def reverse_complement(sequence: str) -> str:
    """Return the other strand, read 5' to 3'; IUPAC letters are complemented too.

    Examples
    --------
    >>> reverse_complement("TATAAN")
    'NTTATA'
    """
    return sequence.encode("ascii").translate(_COMPLEMENT)[::-1].decode("ascii")
