"""Windows in the order of the genome, made into a track of probabilities as they come.

Every step holds a tile and the windows that reach into it, so memory does not grow with the genome;
sums run over windows from left to right, so no number depends on how the genome was cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.genomics.scan_settings import ScanConfig, TrackConfig

DECIMALS = 6
"""Of probabilities in tracks."""
Floats = NDArray[np.float64]


class Tile(NamedTuple):
    """Windows that follow each other on the grid of a record."""

    chrom: str
    """The record."""
    first: int
    """Number of the first window."""
    forward: NDArray[np.float32]
    """Log odds of each window as it stands; nan where it was not read."""
    reverse: NDArray[np.float32]
    """Log odds of its reverse complement."""


class Piece(NamedTuple):
    """Part of a track: intervals in order without overlap, those without a value left out."""

    chrom: str
    """The record."""
    starts: NDArray[np.int64]
    """First base of each interval."""
    ends: NDArray[np.int64]
    """One past its last base."""
    values: Floats
    """Probability of the target."""
    lean: Floats
    """Log odds of the forward strand less those of the reverse one; 0 where one was read."""


class _Cells(NamedTuple):
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    values: Floats
    lean: Floats


def combine(tile: Tile, config: TrackConfig) -> tuple[Floats, Floats]:
    """Return probability and lean of each window, nan where it was not read."""
    forward, reverse = tile.forward.astype(np.float64), tile.reverse.astype(np.float64)
    only = np.where(np.isnan(forward), reverse, forward)
    both = (forward + reverse) / 2 if config.combine == "mean" else np.maximum(forward, reverse)
    odds = np.where(np.isnan(both), only, both)
    lean = np.where(np.isnan(both), 0.0, forward - reverse)
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-odds)), lean


def make_track(
    tiles: Iterable[Tile], scan: ScanConfig, config: TrackConfig, spans: pd.DataFrame
) -> Iterator[Piece]:
    """Yield the track of tiles in order, cut to `spans`.

    Parameters
    ----------
    spans
        chrom, start, end, merged and sorted within a record.
    """
    inside = {
        str(name): part[["start", "end"]].to_numpy(np.int64)
        for name, part in spans.groupby("chrom", sort=False)
    }
    for chrom, cells in _all_cells(tiles, scan, config):
        there = ~np.isnan(cells.values)
        kept = _Cells(
            cells.starts[there], cells.ends[there], cells.values[there], cells.lean[there]
        )
        if len(kept.starts):
            yield from _clip(chrom, kept, inside[chrom])


def _all_cells(
    tiles: Iterable[Tile], scan: ScanConfig, config: TrackConfig
) -> Iterator[tuple[str, _Cells]]:
    reach = scan.window // scan.stride
    nothing = np.full(reach, np.nan)
    chrom, following, before = "", -1, (nothing, nothing)
    for tile in tiles:
        own = combine(tile, config)
        if config.per == "window":
            yield tile.chrom, _window_cells(*own, tile.first, scan)
            continue
        if chrom != tile.chrom or following != tile.first:
            if following >= 0:
                yield chrom, _base_cells(before, (nothing, nothing), following, scan)
            before = (nothing, nothing)
        yield tile.chrom, _base_cells(before, own, tile.first, scan)
        chrom, following = tile.chrom, tile.first + len(own[0])
        joined = [np.concatenate(pair) for pair in zip(before, own, strict=True)]
        before = tuple(part[len(part) - reach :] for part in joined)  # type: ignore[assignment]
    if following >= 0:
        yield chrom, _base_cells(before, (nothing, nothing), following, scan)


def _window_cells(values: Floats, lean: Floats, first: int, scan: ScanConfig) -> _Cells:
    size = min(scan.window, scan.stride)
    starts = (first + np.arange(len(values))) * scan.stride + (scan.window - size) // 2
    return _Cells(starts, starts + size, values, lean)


def _base_cells(
    before: tuple[Floats, Floats], own: tuple[Floats, Floats], first: int, scan: ScanConfig
) -> _Cells:
    """Return the means over covering windows from where window `first` begins to the last begins.

    All bases from one start to the next have the same windows but where one ends in between.
    """
    reach, rest = divmod(scan.window, scan.stride)
    number = len(own[0])
    columns = []
    for earlier, values in zip(before, own, strict=True):
        row = np.concatenate([earlier, values])
        # Bases before and behind the end of the window that began `reach` windows earlier.
        columns.append(
            np.stack([_mean(row, number, reach, reach), _mean(row, number, reach, reach - 1)], 1)
        )
    starts = (first + np.arange(number)) * scan.stride
    bounds = np.stack([starts, starts + rest, starts + scan.stride], 1)
    low, high = bounds[:, :2].ravel(), bounds[:, 1:].ravel()
    real = high > low
    return _Cells(low[real], high[real], columns[0].ravel()[real], columns[1].ravel()[real])


def _mean(row: Floats, number: int, reach: int, back: int) -> Floats:
    """Return the mean of each of the last `number` values and the `back` before it; nan is none."""
    total, count = np.zeros(number), np.zeros(number)
    for step in range(back, -1, -1):
        part = row[reach - step : reach - step + number]
        there = ~np.isnan(part)
        total += np.where(there, part, 0.0)
        count += there
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, total / count, np.nan)


def _clip(chrom: str, cells: _Cells, spans: NDArray[np.int64]) -> Iterator[Piece]:
    values = np.round(cells.values, DECIMALS)
    first = np.searchsorted(spans[:, 1], cells.starts[0], side="right")
    last = np.searchsorted(spans[:, 0], cells.ends[-1], side="left")
    for start, end in spans[first:last].tolist():
        low = int(np.searchsorted(cells.ends, start, side="right"))
        high = int(np.searchsorted(cells.starts, end, side="left"))
        if high > low:
            yield Piece(
                chrom,
                np.maximum(cells.starts[low:high], start),
                np.minimum(cells.ends[low:high], end),
                values[low:high],
                cells.lean[low:high],
            )
