"""Comparison of motifs with known ones by Tomtom's method, computed by memelite."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.formats.motif_matrix import Motif
from dnasweep.tasks.multiple_tests import benjamini_hochberg

FEW_TARGETS = 50
"""With fewer known motifs, p-values depend strongly on the choice of motifs (MEME's Tomtom also warns of this)."""
COLUMNS = ("motif", "match", "match_name", "p", "q", "offset", "overlap", "strand")


def match(
    names: Sequence[str],
    matrices: Sequence[NDArray[np.float64]],
    known: Sequence[Motif],
    *,
    most: int = 5,
) -> pd.DataFrame:
    """Compare motifs with known ones, on either strand.

    Parameters
    ----------
    names, matrices
        The motifs; each matrix has shape (width, 4).
    known
        Known motifs to compare with.
    most
        Maximum number of best matches per motif.

    Returns
    -------
    matches
        One row per motif and match, best first, with the columns `COLUMNS`. p is Tomtom's for the
        best alignment, q is adjusted over all known motifs (Benjamini-Hochberg); strand is the strand of the
        known motif, offset the place of its first base on this strand, counted from the first base of the
        motif, and overlap the number of shared bases.
    """
    if not names:
        return pd.DataFrame(columns=list(COLUMNS))
    # Compiled on first use, so only jobs with motifs wait for it.
    from memelite import tomtom

    with warnings.catch_warnings():
        # The caller tells the reader.
        warnings.simplefilter("ignore")
        found = tomtom(
            [np.ascontiguousarray(one.T) for one in matrices],
            [np.ascontiguousarray(one.probabilities.T) for one in known],
            n_jobs=1,
        )
    p_values, _, offsets, overlaps, strands = (np.asarray(one) for one in found[:5])
    rows = []
    for i, name in enumerate(names):
        p = np.clip(p_values[i], 0, 1)
        q = benjamini_hochberg(p)
        for j in np.lexsort((np.arange(len(known)), p))[:most]:
            # The library counts the first base of the motif from that of the known one.
            alignment = -int(offsets[i, j]), int(overlaps[i, j]), "-" if strands[i, j] else "+"
            rows.append((name, known[j].id, known[j].name, float(p[j]), float(q[j]), *alignment))
    return pd.DataFrame(rows, columns=list(COLUMNS))
