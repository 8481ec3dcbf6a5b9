"""Core-promoter elements: their consensus, position and frequency, by species."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from Bio.Data.IUPACData import ambiguous_dna_values
from numpy.typing import NDArray

from dnasweep.data.species import SPECIES, stand_in

FIDELITY = 0.97
"""Probability that a base matches its letter of the consensus."""


def allowed_bases(consensus: str) -> NDArray[np.bool_]:
    """Return which of A, C, G and T match each IUPAC letter, (width, 4)."""
    return np.array(
        [[base in ambiguous_dna_values[letter] for base in "ACGT"] for letter in consensus]
    )


@dataclass(frozen=True, slots=True)
class Element:
    """One kind of element."""

    name: str
    """Name in tables."""
    consensus: str
    """IUPAC letters, 5' to 3' on the strand of the gene."""
    first: int
    """Leftmost position of its first base, relative to the transcription start (0 is base +1)."""
    last: int
    """Rightmost position of its first base."""
    either_strand: bool
    """Whether it is functional in both orientations."""
    frequency: tuple[float, ...]
    """Fraction of promoters that have it, in the order of `SPECIES`."""

    @property
    def width(self) -> int:
        """Width in bases."""
        return len(self.consensus)

    def probabilities(self) -> NDArray[np.float64]:
        """Return the (width, 4) base probabilities."""
        matrix = np.full((self.width, 4), (1 - FIDELITY) / 4)
        allowed = allowed_bases(self.consensus)
        return matrix + FIDELITY * allowed / allowed.sum(axis=1, keepdims=True)

    def frequency_in(self, species: str) -> float:
        """Return the fraction of promoters with the element in a species, or in its stand-in."""
        return self.frequency[list(SPECIES).index(stand_in(species))]


# Order of SPECIES: human, mouse, rat, macaque, zebrafish, fruit fly, chicken, worm.
_ISLANDS = (0.70, 0.60, 0.60, 0.70, 0.15, 0.0, 0.60, 0.0)
_GC_BOX = (0.45, 0.45, 0.45, 0.45, 0.35, 0.1, 0.45, 0.25)
_CCAAT_BOX = (0.28, 0.28, 0.28, 0.28, 0.3, 0.1, 0.28, 0.1)


ELEMENTS: tuple[Element, ...] = (
    Element("tata_box", "TATAWAWR", -33, -26, False, (0.2, 0.2, 0.2, 0.2, 0.3, 0.35, 0.2, 0.35)),
    Element("initiator", "YYANWYY", -2, -2, False, (0.55, 0.55, 0.55, 0.55, 0.55, 0, 0.55, 0.45)),
    Element("initiator", "TCAGTY", -2, -2, False, (0, 0, 0, 0, 0, 0.7, 0, 0)),
    Element("gc_box", "KGGGCGGRRY", -60, -55, True, _GC_BOX),
    Element("gc_box", "KGGGCGGRRY", -76, -71, True, _GC_BOX),
    Element("gc_box", "KGGGCGGRRY", -92, -87, True, _GC_BOX),
    Element("ccaat_box", "RRCCAATSR", -106, -102, True, _CCAAT_BOX),
    Element("ccaat_box", "RRCCAATSR", -120, -116, True, _CCAAT_BOX),
    Element("dpe", "RGWYV", 27, 27, False, (0.03, 0.03, 0.03, 0.03, 0.03, 0.4, 0.03, 0.05)),
    Element("dre", "TATCGATA", -44, -41, True, (0, 0, 0, 0, 0, 0.5, 0, 0)),
    Element("t_block", "TTTTTTTTTTTT", -45, -45, False, (0, 0, 0, 0, 0, 0, 0, 0.75)),
)
"""The elements; their positions never overlap.

Consensus and position: Bucher 1990 (J. Mol. Biol. 212:563) for TATA, GC and CCAAT boxes,
FitzGerald et al. 2006 (Genome Biol. 7:R53) for the initiator of vertebrates and of flies, Kutach
and Kadonaga 2000 (Mol. Cell. Biol. 20:4754) for the DPE at +28 to +32; the DRE of flies
(FitzGerald) and the T-block of worms (Grishkevich et al. 2011, Genome Res. 21:707) provide
specific elements for these two, which have few GC boxes. GC and CCAAT boxes have several
positions, each occupied independently, in narrower ranges than in nature so that elements cannot
overlap. Frequencies are rounded and of the order of those reported by Suzuki et al. 2001 (Genome
Res. 11:677) and Yang et al. 2007 (Gene 389:52) for human, Kutach and Kadonaga for fly and
Grishkevich for worm; studies differ by factors of two or more, depending on their definitions.
"""

ISLAND_NAME = "cpg_island"
"""The name of CpG islands in tables of elements."""


def island_frequency(species: str) -> float:
    """Return the fraction of a species' promoters inside a CpG island.

    0.7 in human (Saxonov et al. 2006, Proc. Natl Acad. Sci. 103:1412), a little less in mouse, none
    in fly and worm.
    """
    return _ISLANDS[list(SPECIES).index(stand_in(species))]


def planted(species: Sequence[str], decoy_rate: float) -> pd.DataFrame:
    """Return the elements planted by the simulator: one row per motif, with its correct positions.

    Parameters
    ----------
    species
        Names of species; fractions are means over them.
    decoy_rate
        How often negatives contain an element, as a fraction of how often promoters do.
    """
    by_motif: dict[tuple[str, str], list[Element]] = {}
    for element in ELEMENTS:
        by_motif.setdefault((element.name, element.consensus), []).append(element)
    rows = []
    for (name, consensus), places in by_motif.items():
        without = [np.prod([1 - e.frequency_in(s) for e in places]) for s in species]
        decoys = [np.prod([1 - decoy_rate * e.frequency_in(s) for e in places]) for s in species]
        rows.append(
            {
                "element": name,
                "consensus": consensus,
                "place_in_promoters": ", ".join(_place(e) for e in places),
                "strand": "either" if places[0].either_strand else "that of the gene",
                "in_promoters": 1 - float(np.mean(without)),
                "in_negatives": 1 - float(np.mean(decoys)),
            }
        )
    return pd.DataFrame(rows)


def _place(element: Element) -> str:
    """Return the positions of the first base of an element, with +1 as the transcription start."""
    ends = [f"{at + 1:+d}" if at >= 0 else f"{at:+d}" for at in (element.first, element.last)]
    return " to ".join(dict.fromkeys(ends))
