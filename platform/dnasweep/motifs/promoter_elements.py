"""Core-promoter elements: the TATA box and others, and a naive count of TATA tokens."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dnasweep.attribution.positions import AttributionTables, rows_of_tokens, starts_of
from dnasweep.data.planted_elements import ELEMENTS
from dnasweep.motifs.element_hits import ElementSite
from dnasweep.motifs.scanner import ScoringMatrix, from_consensus, from_counts

STRICT, WIDE = (-35, -24), (-35, -20)
"""First and last position where a TATA box may start, relative to the transcription start."""

HIT_PROBABILITY = 0.001
"""Fraction of all 7-mers that the matrix accepts as a TATA box: 16 of 16,384."""

TBP_COUNTS = (
    (16, 46, 18, 309),
    (352, 0, 2, 35),
    (3, 10, 2, 374),
    (354, 0, 5, 30),
    (268, 0, 0, 121),
    (360, 3, 20, 6),
    (222, 2, 44, 121),
)
"""Counts of A, C, G and T in 389 TATA boxes of Bucher 1990 (J. Mol. Biol. 212:563), the profile
MA0108.3 of JASPAR 2024 (Rauluseviciute et al., Nucleic Acids Res. 52:D174)."""

_WRITTEN = {
    "initiator": "initiator",
    "gc_box": "GC box",
    "ccaat_box": "CCAAT box",
    "dpe": "DPE",
    "dre": "DRE",
    "t_block": "T-block",
}

TATA = "TATA"
"""Bases that a token must contain for the naive count."""


def tata_matrix(hit_probability: float = HIT_PROBABILITY) -> ScoringMatrix:
    """Return the TATA box as a matrix of log2 odds.

    At most a fraction `hit_probability` of all 4^7 7-mers are hits.
    """
    return from_counts("TATA matrix", TBP_COUNTS, hit_probability=hit_probability)


def tata_sites(hit_probability: float = HIT_PROBABILITY) -> list[ElementSite]:
    """Return the sites of the TATA box: the matrix and TATAWA, each with starts at -35 to -24.

    Both are repeated for starts at -35 to -20. TATAWA may have one mismatch, which makes 17 of 2,048
    6-mers hits, eight times as many as the matrix. The first site is the one in the headline of the report.
    """
    matrix, consensus = tata_matrix(hit_probability), from_consensus("TATAWA", mismatches=1)
    return [
        ElementSite(element="TATA box", motif=motif, first=first, last=last)
        for first, last in (STRICT, WIDE)
        for motif in (matrix, consensus)
    ]


def core_promoter_sites() -> list[ElementSite]:
    """Return the other elements of :mod:`dnasweep.data.planted_elements` at their positions, by consensus.

    A consensus of at least eight bases may have one mismatch; the positions of one element are joined.
    """
    positions: dict[tuple[str, str, bool], list[int]] = {}
    for element in ELEMENTS:
        if element.name != "tata_box":
            key = (element.name, element.consensus, element.either_strand)
            positions.setdefault(key, []).extend((element.first, element.last))
    return [
        ElementSite(
            element=_WRITTEN[name],
            motif=from_consensus(
                consensus, mismatches=int(len(consensus) >= 8), either_strand=either
            ),
            first=min(where),
            last=max(where),
        )
        for (name, consensus, either), where in positions.items()
    ]


def naive_tata(tables: AttributionTables, *, tss_index: int | None = None) -> pd.DataFrame:
    """Count tokens that contain TATA by the sign of their attribution, at any position.

    An earlier study counted TATA boxes in this way; it is kept for comparison. A TATA that is split over
    two tokens is missed, overlapping tokens count the same TATA several times, and most of them are at
    positions where no TATA box can be.

    Returns
    -------
    quadrants
        One row per label: label, num_tokens (with TATA), positive, negative, zero, positive_in_place
        and negative_in_place (of these, those whose TATA starts at -35 to -24).
    """
    rows = rows_of_tokens(tables)
    tss = starts_of(tables, tss_index).at[rows]
    codes, texts = pd.factorize(tables.tokens["token"])
    ends = tables.tokens["end"].to_numpy(np.int64) - tss
    found, in_place = np.zeros(len(codes), bool), np.zeros(len(codes), bool)
    containing = [number for number, text in enumerate(texts) if TATA in text]
    mine = np.flatnonzero(np.isin(codes, containing))
    found[mine] = True
    for number in containing:
        same = mine[codes[mine] == number]
        text = str(texts[number])
        for offset in range(len(text) - len(TATA) + 1):
            if text.startswith(TATA, offset):
                # From the end, as tokens of some vocabularies begin with ##.
                at = ends[same] - len(text) + offset
                in_place[same] |= (tss[same] >= 0) & (at >= STRICT[0]) & (at <= STRICT[1])
    phi = tables.tokens["phi"].to_numpy()
    labels = tables.sequences["label"].to_numpy()[rows]
    return pd.DataFrame(
        [
            {
                "label": label,
                "num_tokens": int((here := found & (labels == label)).sum()),
                "positive": int((here & (phi > 0)).sum()),
                "negative": int((here & (phi < 0)).sum()),
                "zero": int((here & (phi == 0)).sum()),
                "positive_in_place": int((here & in_place & (phi > 0)).sum()),
                "negative_in_place": int((here & in_place & (phi < 0)).sum()),
            }
            for label in sorted({int(v) for v in tables.sequences["label"]}, reverse=True)
        ]
    )
