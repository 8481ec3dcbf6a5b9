"""Letters that no DNA sequence has: which one is wrong, and what the sequence seems to be instead."""

from __future__ import annotations

import re
from typing import NamedTuple

from dnasweep.data.table import IUPAC

NOT_DNA = f"[^{IUPAC}U{IUPAC.lower()}u]"
"""Regular expression of a letter that is not one of DNA or RNA."""
_ONLY_DNA = (
    f"Only the IUPAC letters {IUPAC} (and U, any case) are allowed in a sequence; correct the row."
)
_PROTEIN = re.compile(r"[ACDEFGHIKLMNPQRSTVWYXBZJUO*]+", re.IGNORECASE)
_ONLY_PROTEIN = re.compile("[EFILPQ]", re.IGNORECASE)
"""Amino acids whose letters mean no base or set of bases."""
_FEWEST = 2


class Fault(NamedTuple):
    """Why a sequence is not DNA."""

    reason: str
    remedy: str


def first_fault(sequence: str) -> Fault:
    """Return the first letter of a sequence that is not DNA, and what to do about it.

    Examples
    --------
    >>> first_fault("AC-GT").reason
    "'-' at position 3 of the sequence is not an IUPAC DNA letter"
    """
    match = re.search(NOT_DNA, sequence)
    assert match is not None
    at = f"position {match.start() + 1} of the sequence"
    return Fault(f"{match[0]!r} at {at} is not an IUPAC DNA letter", _remedy(sequence, match[0]))


def _remedy(sequence: str, letter: str) -> str:
    if len(_ONLY_PROTEIN.findall(sequence)) >= _FEWEST and _PROTEIN.fullmatch(sequence):
        return "It seems to be a protein; give the DNA that encodes it."
    if letter in "-.":
        return "It seems to be a gap of an alignment; remove gaps, for example with seqkit seq -g."
    if letter == "*":
        return "Remove it: a * is a stop codon in a protein, or padding."
    return _ONLY_DNA
