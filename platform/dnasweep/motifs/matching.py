"""Motifs compared with known ones by Tomtom's method, as memelite computes it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from statsmodels.stats.multitest import multipletests

FEW_TARGETS = 50
"""With fewer known motifs, p-values depend much on which they are (MEME's Tomtom says so too)."""
COLUMNS = ("motif", "match", "match_name", "p", "q", "offset", "overlap", "strand")


class KnownMotif(NamedTuple):
    """A motif from a file."""

    id: str
    """Such as MA0108.3."""
    name: str
    """Such as TBP."""
    matrix: NDArray[np.float64]
    """(width, 4) share of A, C, G and T at each base."""


def match(
    names: Sequence[str],
    matrices: Sequence[NDArray[np.float64]],
    known: Sequence[KnownMotif],
    *,
    most: int = 5,
) -> pd.DataFrame:
    """Compare motifs with known ones, either strand.

    Parameters
    ----------
    names, matrices
        Motifs, each (width, 4).
    known
        What they are compared with.
    most
        Best matches a motif that are returned.

    Returns
    -------
    matches
        A row a motif and match, best first: `COLUMNS`. p is Tomtom's of the best alignment, q is
        adjusted over all known motifs of a motif (Benjamini-Hochberg); offset is where the known
        motif begins, overlap how many bases they share, strand that of the known motif.
    """
    if not names:
        return pd.DataFrame(columns=list(COLUMNS))
    # Compiles on first use: only jobs with motifs wait for it.
    from memelite import tomtom

    with warnings.catch_warnings():
        # Told to the reader by whoever calls.
        warnings.simplefilter("ignore")
        found = tomtom(
            [np.ascontiguousarray(one.T) for one in matrices],
            [np.ascontiguousarray(one.matrix.T) for one in known],
            n_jobs=1,
        )
    p_values, _, offsets, overlaps, strands = (np.asarray(one) for one in found[:5])
    rows = []
    for i, name in enumerate(names):
        p = np.clip(p_values[i], 0, 1)
        q = multipletests(p, method="fdr_bh")[1]
        for j in np.lexsort((np.arange(len(known)), p))[:most]:
            rows.append(
                (
                    *(name, known[j].id, known[j].name, float(p[j]), float(q[j])),
                    *(int(offsets[i, j]), int(overlaps[i, j])),
                    "-" if strands[i, j] else "+",
                )
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))
