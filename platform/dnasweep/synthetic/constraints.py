"""Constraints on edits of a sequence: bases that must be kept, and a range of GC content."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from Bio.Data.IUPACData import ambiguous_dna_values
from numpy.typing import NDArray

from dnasweep.errors import InputError
from dnasweep.formats.bases import reverse_complement

_INTERVAL = re.compile(r"(\d+)\.\.(\d+)")


class GcRange(NamedTuple):
    """Minimum and maximum GC content of a design, from 0 to 1."""

    low: float = 0.0
    high: float = 1.0

    def holds(self, num_gc: NDArray[np.int64] | int, length: int) -> NDArray[np.bool_]:
        """Return whether sequences of `length` bases with `num_gc` G and C are in the range."""
        # In whole bases, so that 0.6 of 100 bases is 60 and not 60.00000000000001.
        low, high = np.ceil(self.low * length - 1e-9), np.floor(self.high * length + 1e-9)
        return (np.asarray(num_gc) >= low) & (np.asarray(num_gc) <= high)


def read_base_ranges(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Return intervals FIRST..LAST, counted from 0 and inclusive, as first base and one past the last.

    Raises
    ------
    InputError
        For any other text.

    Examples
    --------
    >>> read_base_ranges(["10..19"])
    [(10, 20)]
    """
    found = []
    for text in texts:
        match = _INTERVAL.fullmatch(text.strip())
        if match is None or len(text) > 24 or int(match[2]) < int(match[1]):
            raise InputError(
                f"keep_bases has {text!r}",
                remedy="Use FIRST..LAST, counted from 0, such as 100..119.",
            )
        found.append((int(match[1]), int(match[2]) + 1))
    return found


def kept_bases(
    sequence: str, intervals: Sequence[tuple[int, int]], motifs: Sequence[str]
) -> NDArray[np.bool_]:
    """Return which bases of a sequence must not be edited, (bases,).

    Parameters
    ----------
    sequence
        Sequence in upper case; letters other than A, C, G and T are also kept.
    intervals
        First base and one past the last.
    motifs
        Consensus sequences in IUPAC letters: every match on either strand is kept.
    """
    kept = np.array([base not in "ACGT" for base in sequence], bool)
    for start, end in intervals:
        kept[start:end] = True
    for motif in motifs:
        for consensus in {motif, reverse_complement(motif)}:
            for start in places_of(sequence, consensus):
                kept[start : start + len(consensus)] = True
    return kept


def places_of(sequence: str, consensus: str) -> list[int]:
    """Return the starts of all matches of a consensus, including overlapping ones.

    Parameters
    ----------
    sequence
        Sequence in upper case.
    consensus
        IUPAC letters.

    Examples
    --------
    >>> places_of("TATATAT", "TAWA")
    [0, 2]
    """
    pattern = "".join(f"[{ambiguous_dna_values[letter]}]" for letter in consensus)
    return [match.start() for match in re.finditer(f"(?={pattern})", sequence)]
