"""Sequences compared as DNA: one molecule has two strands, and either may be the one written down."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.formats.bases import reverse_complement


class Molecules(NamedTuple):
    """Which rows are one molecule, and which strand of it each of them reads."""

    molecule: NDArray[np.int64]
    """(rows,) equal for a sequence, its copies and its reverse complements; by first row from 0."""
    reverse: NDArray[np.bool_]
    """(rows,) whether a row reads the strand that :func:`canonical` does not choose."""

    @property
    def reading(self) -> NDArray[np.int64]:
        """(rows,) equal for equal sequences only: twice the molecule, plus one on the reverse."""
        return 2 * self.molecule + self.reverse


def canonical(sequence: str) -> str:
    """Return the strand that comes first in the alphabet, the same for both strands of a molecule."""
    return min(sequence, reverse_complement(sequence))


def pair_strands(sequences: Iterable[str]) -> Molecules:
    """Return which of many upper-case sequences are the same, read from either strand."""
    given = list(sequences)
    chosen = [canonical(sequence) for sequence in given]
    molecule = pd.factorize(np.array(chosen, dtype=object))[0].astype(np.int64)
    reverse = [one != two for one, two in zip(given, chosen, strict=True)]
    return Molecules(molecule, np.array(reverse, dtype=bool))


def first_readings(sequences: Iterable[str]) -> NDArray[np.bool_]:
    """Return which sequences are not an earlier one, read from either strand, (sequences,)."""
    return ~pd.Series(pair_strands(sequences).molecule).duplicated().to_numpy()
