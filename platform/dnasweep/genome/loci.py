"""Rows by their place on a genome: two that share a base are one another's answer, however unlike."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.genome.chromosomes import chromosome_keys

_INTERVAL = ["chrom", "start", "end"]


def place_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return chrom, start and end of the rows that have all three, with the index of the table.

    `chr1`, `1` and `NC_000001.11` of one species are one chromosome; where names carry several
    versions of it, each version is one of its own.
    """
    placed = ~table["chrom"].isin(["", "."]) & table["start"].notna() & table["end"].notna()
    rows = table.loc[placed, _INTERVAL]
    keys = table.loc[placed, "species"] + "\t" + rows["chrom"].map(chromosome_keys(rows["chrom"]))
    return rows.assign(chrom=keys).astype({"chrom": "str", "start": "int64", "end": "int64"})


def locus_groups(table: pd.DataFrame) -> NDArray[np.int64]:
    """Return the locus of each row, (rows,): the same for rows that share a base, directly or through
    others, on either strand; -1 without coordinates."""
    groups = np.full(len(table), -1, dtype=np.int64)
    rows = place_rows(table.reset_index(drop=True))
    if len(rows):
        # Takes a third of a second, which data without coordinates need not wait for.
        import bioframe

        found = bioframe.cluster(rows, min_dist=None, return_cluster_intervals=False)
        groups[rows.index] = found["cluster"].to_numpy()
    return groups


def overlapping(
    places: pd.DataFrame, rows: NDArray[np.bool_], others: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which of `rows` share a base with one of `others`, (rows of the table,).

    Parameters
    ----------
    places
        The result of :func:`place_rows` for a table with a fresh index.
    rows, others
        (rows of the table,) two choices of them.
    """
    found = np.zeros(len(rows), dtype=bool)
    mine, theirs = places[rows[places.index]], places[others[places.index]]
    if len(mine) and len(theirs):
        import bioframe

        # It numbers the rows of what it is given anew.
        covered = bioframe.coverage(mine.copy(), theirs, return_input=False)["coverage"]
        found[mine.index] = covered.to_numpy() > 0
    return found
