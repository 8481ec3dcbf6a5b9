"""A motif as a file gives it: a share of each base at each place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BASES = "ACGT"


class Matrix(NamedTuple):
    """A motif as it stands in a file."""

    id: str
    """Such as MA0108.3."""
    name: str
    """Such as TBP; its id where it has no other."""
    probabilities: NDArray[np.float64]
    """(width, 4) share of A, C, G and T at each base."""


def numbers(words: Iterable[str]) -> list[float] | None:
    """Return words as numbers from 0 on; None where one is something else, such as nan or `.`."""
    found = []
    for word in words:
        try:
            number = float(word) if word.isascii() else -1.0
        except ValueError:
            return None
        if not 0 <= number < float("inf") or "_" in word:
            return None
        found.append(number)
    return found
