"""A small set of known motifs for comparison if no file of motifs is given.

It contains core-promoter elements and the most frequent binding sites in promoters, from published
consensus sequences; for other factors give a file such as JASPAR's.
"""

from __future__ import annotations

import numpy as np

from dnasweep.data.planted_elements import FIDELITY, allowed_bases
from dnasweep.formats.motif_matrix import Motif
from dnasweep.motifs.promoter_elements import TBP_COUNTS

JASPAR = "https://jaspar.elixir.no/downloads"
"""Download page of all JASPAR motifs: CORE, non-redundant, in MEME format."""

_CONSENSUS = {
    # Core promoter. BREu: Lagrange et al. 1998 (Genes Dev. 12:34); BREd: Deng and Roberts 2005
    # (Genes Dev. 19:2418); Inr of mammals: Javahery et al. 1994 (Mol. Cell. Biol. 14:116), of flies:
    # FitzGerald et al. 2006 (Genome Biol. 7:R53); TCT: Parry et al. 2010 (Genes Dev. 24:2013); MTE:
    # Lim et al. 2004 (Genes Dev. 18:1606); DPE: Kutach and Kadonaga 2000 (Mol. Cell. Biol. 20:4754);
    # XCPE1: Tokusumi et al. 2007 (Mol. Cell. Biol. 27:1844).
    "BREu": "SSRCGCC",
    "BREd": "RTDKKKK",
    "Inr": "YYANWYY",
    "Inr of flies": "TCAGTY",
    "TCT": "YYCTTTYY",
    "MTE": "CSARCSSAACGS",
    "DPE": "RGWYV",
    "XCPE1": "DSGYGGRASM",
    # Promoters of flies: Ohler et al. 2002 (Genome Biol. 3:research0087); DRE: FitzGerald et al. 2006.
    "DRE": "TATCGATA",
    "Ohler 1": "YGGTCACACTR",
    "GAGA": "GAGAGAG",
    # Promoters of vertebrates. GC and CCAAT boxes: Bucher 1990 (J. Mol. Biol. 212:563); the others:
    # FitzGerald et al. 2004 (Genome Res. 14:1562) and Xie et al. 2005 (Nature 434:338); the last four
    # Minty and Kedes 1986 (Mol. Cell. Biol. 6:2125), Falkner and Zachau 1984 (Nature 310:71), Ko and
    # Engel 1993 (Mol. Cell. Biol. 13:4011) and Chen et al. 1998 (Nature 391:410).
    "GC box (SP1)": "KGGGCGGRRY",
    "CCAAT box (NF-Y)": "RRCCAATSR",
    "NRF1": "RCGCANGCGY",
    "ETS": "SCGGAAGY",
    "CRE (CREB)": "TGACGTCA",
    "AP-1": "TGANTCA",
    "E-box (USF, MYC)": "CACGTG",
    "YY1": "AAGATGGCGGC",
    "E2F": "SGCGSSAAA",
    "SRF": "CCWWWWWWGG",
    "octamer (POU2F)": "ATGCAAAT",
    "GATA": "WGATAR",
    "NF-kB": "GGGRNWYYCC",
}
"""Consensus in IUPAC letters by the name of the motif."""


def built_in_motifs() -> list[Motif]:
    """Return the built-in motifs: the TATA box from counts, all others from a consensus.

    A base agrees with its letter with probability 0.97, as in simulated data.
    """
    counts = np.array(TBP_COUNTS, float)
    found = [Motif("MA0108.3", "TATA box (TBP)", counts / counts.sum(axis=1, keepdims=True))]
    for name, consensus in _CONSENSUS.items():
        allowed = allowed_bases(consensus)
        shares = (1 - FIDELITY) / 4 + FIDELITY * allowed / allowed.sum(axis=1, keepdims=True)
        found.append(Motif(consensus, name, shares))
    return found
