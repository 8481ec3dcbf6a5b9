"""Find a column of places such as `chr1:100-200(+)` beside the sequences from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from dnasweep.formats.loci import read_locus

_NAMES = frozenset(
    [
        *("locus", "loci", "region", "interval", "range", "position", "location", "coords"),
        *("coordinate", "coordinates", "genomic_coordinates", "genomic_location"),
    ]
)
_COMMA = r"(?<=\d),(?=\d{3}(?!\d))"
"""A comma between thousands."""
_MOST = 0.9
"""Minimum fraction of non-empty cells that are places of as many bases as the sequence of their row."""


class Loci(NamedTuple):
    """The places in a column."""

    column: int
    """Number of the column."""
    places: pd.DataFrame
    """Text columns chrom, start, end and strand; empty in rows without a place that fits."""


def find_loci(frame: pd.DataFrame, others: Mapping[int, str], sequence: int) -> Loci | None:
    """Return the places in the only column that is named after places and contains them, or None.

    The lengths of the sequences tell whether positions count from 0 or from 1.

    Parameters
    ----------
    frame
        The cells of a file, as text.
    others
        Names of the columns without a meaning.
    sequence
        Number of the column of sequences.
    """
    lengths = frame[sequence].str.strip().str.len()
    found = []
    for column in (i for i, name in others.items() if name in _NAMES):
        text = frame[column].str.strip().str.replace(_COMMA, "", regex=True)
        rows = [read_locus(*cells) for cells in zip(text, lengths, strict=True)]
        places = pd.DataFrame(rows, index=frame.index, columns=["chrom", "start", "end", "strand"])
        filled = text != ""
        if filled.any() and (places["chrom"] != "")[filled].mean() >= _MOST:
            found.append(Loci(column, places.astype("str")))
    return found[0] if len(found) == 1 else None
