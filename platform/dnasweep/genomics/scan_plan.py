"""Which windows a scan reads: a grid over each record, cut into tiles.

Window i of a record begins at base i x stride. The grid does not know of regions, tiles or shards,
so a scan of a region has the windows, and the values, of a scan of the whole. Tiles are what is
computed together; they lie on the grid too.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import bioframe
import numpy as np
import pandas as pd
import pyarrow as pa

from dnasweep.genomics.scan_settings import ScanConfig

TILE_WINDOWS = 1024
TILE_BASES = 1 << 22
"""Tiles have fewer windows where these would reach over more bases."""


class ScanPlan(NamedTuple):
    """What to compute and what to keep of it."""

    tiles: pa.Table
    """chrom, first (number of the first window on the grid) and number (of windows), in order."""
    spans: pd.DataFrame
    """chrom, start, end of what was asked for, merged, in the order of the genome."""
    num_windows: int
    """Windows of all tiles."""


def plan_scan(
    lengths: Mapping[str, int], config: ScanConfig, regions: pd.DataFrame | None = None
) -> ScanPlan:
    """Return the tiles of a scan.

    Parameters
    ----------
    lengths
        Bases of each record, in the order of the tracks.
    regions
        chrom, start and end on these records: windows that share a base with one of them are
        computed. None: all windows.
    """
    if regions is None:
        spans = pd.DataFrame({"chrom": list(lengths), "start": 0, "end": list(lengths.values())})
    else:
        spans = bioframe.merge(regions[["chrom", "start", "end"]], min_dist=0)
        spans["order"] = spans["chrom"].map({name: i for i, name in enumerate(lengths)})
        spans = spans.sort_values(["order", "start"])[["chrom", "start", "end"]]
    spans = spans.reset_index(drop=True)
    size = max(1, min(TILE_WINDOWS, TILE_BASES // config.stride))
    columns: dict[str, list] = {"chrom": [], "first": [], "number": []}
    before, last = None, 0
    for name, start, end in spans.itertuples(index=False, name=None):
        if name != before:
            before, last = name, 0
        first = max(last, (start - config.window) // config.stride + 1)
        last = max(first, min(config.number(lengths[name]), -(-end // config.stride)))
        edges = [first, *range((first // size + 1) * size, last, size), last]
        for low, high in pairwise(edges):
            if high > low:
                columns["chrom"].append(name)
                columns["first"].append(low)
                columns["number"].append(high - low)
    schema = pa.schema([("chrom", pa.string()), ("first", pa.int64()), ("number", pa.int32())])
    return ScanPlan(pa.table(columns, schema), spans, int(np.sum(columns["number"])))
