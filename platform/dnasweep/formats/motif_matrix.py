"""A motif as base frequencies at each position, and the numbers that it is written with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BASES = "ACGT"
DAMAGED = "Correct it, or download the file again."
"""Remedy for a motif that does not have the form of its file."""


class Motif(NamedTuple):
    """A motif as written in a file."""

    id: str
    """Accession, such as MA0108.3."""
    name: str
    """Name, such as TBP; the id if it has no other name."""
    probabilities: NDArray[np.float64]
    """(width, 4) frequencies of A, C, G and T at each position."""


def numbers(cells: Iterable[str]) -> list[float] | None:
    """Return cells as non-negative numbers; None if one is anything else, such as nan or `.`."""
    found = []
    for cell in cells:
        try:
            number = float(cell) if cell.isascii() else -1.0
        except ValueError:
            return None
        if not 0 <= number < float("inf") or "_" in cell:
            return None
        found.append(number)
    return found
