"""The plan of a genome scan: its settings, and the windows it computes.

Window i of a record begins at base i x stride. This grid does not depend on regions, tiles or
shards, so a scan of a region has the same windows and values as a scan of the whole genome. Tiles are
groups of windows that are computed together; they are also aligned to the grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from dnasweep.config.ranges import Checked, Count, Fraction, Positive, Whole

Strands = Literal["both", "forward", "reverse"]
Combine = Literal["mean", "max", "apart"]
Per = Literal["base", "window"]


@dataclass(frozen=True, kw_only=True)
class ScanConfig(Checked):
    """Settings of the windows of a scan and of how the model reads them; part of the key of a scan."""

    window: Count
    """Length of a window in bases."""
    stride: Count
    """Distance in bases between the starts of windows; every window begins at a multiple of it."""
    strands: Strands = "both"
    """Strands that the model reads."""
    max_unknown: Fraction = 0.05
    """Windows with a larger fraction of letters other than A, C, G and T are left out."""

    def num_windows(self, length: int) -> int:
        """Return the number of windows in a record of `length` bases."""
        return max(0, (length - self.window) // self.stride + 1)


@dataclass(frozen=True, kw_only=True)
class TrackConfig:
    """Settings of the track of probabilities computed from windows."""

    per: Per = "base"
    """`base`: each base gets the mean of the windows that cover it. `window`: each window gets the
    `stride` bases at its centre."""
    combine: Combine = "mean"
    """How the strands of a window are combined: the mean of their log odds, or the maximum. `apart`, one
    track per strand, is for models of bases, bins or numbers."""


@dataclass(frozen=True, kw_only=True)
class PeakConfig(Checked):
    """Settings of peak calling in a track."""

    threshold: Positive
    """Minimum probability, or value, of every base of a peak, except those in a merged gap."""
    merge_gap: Whole = 0
    """Peaks with at most this many bases between them are merged."""
    min_length: Count = 1
    """Minimum number of bases of a peak."""


TILE_WINDOWS = 1024
TILE_BASES = 1 << 22
"""Maximum number of windows in a tile, and of bases spanned by the starts of its windows."""


class ScanPlan(NamedTuple):
    """The windows to compute, and the regions to keep."""

    tiles: pa.Table
    """chrom, first (index of the first window on the grid) and number (of windows), in order."""
    spans: pd.DataFrame
    """chrom, start, end of the requested regions, merged, in the order of the genome."""
    num_windows: int
    """Number of windows in all tiles."""


def plan_scan(
    lengths: Mapping[str, int], config: ScanConfig, regions: pd.DataFrame | None = None
) -> ScanPlan:
    """Return the tiles of a scan.

    Parameters
    ----------
    lengths
        Length of each record in bases, in the order of the tracks.
    config
        Settings of the windows.
    regions
        chrom, start and end on these records: windows that share a base with one of them are
        computed. None: all windows.
    """
    if regions is None:
        spans = pd.DataFrame({"chrom": list(lengths), "start": 0, "end": list(lengths.values())})
    else:
        import bioframe  # slow, and the options of commands import this file

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
        last = max(first, min(config.num_windows(lengths[name]), -(-end // config.stride)))
        edges = [first, *range((first // size + 1) * size, last, size), last]
        for low, high in pairwise(edges):
            if high > low:
                columns["chrom"].append(name)
                columns["first"].append(low)
                columns["number"].append(high - low)
    schema = pa.schema([("chrom", pa.string()), ("first", pa.int64()), ("number", pa.int32())])
    return ScanPlan(pa.table(columns, schema), spans, int(np.sum(columns["number"])))
