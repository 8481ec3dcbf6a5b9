"""Tracks of probabilities along the genome: computed from windows, written and read.

Tracks are streamed: each step needs one tile and the windows that overlap it, so memory does not
grow with the genome. Sums run over windows from left to right, so no number depends on how the
genome was divided into tiles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyBigWig
from Bio import bgzf
from numpy.typing import NDArray

from dnasweep.genomics.scan_plan import ScanConfig, TrackConfig

DECIMALS = 6
"""Number of decimals of probabilities in tracks."""
BIGWIG, BEDGRAPH = "probability.bw", "probability.bedgraph.gz"
Floats = NDArray[np.float64]


class Tile(NamedTuple):
    """Windows that follow each other on the grid of a record."""

    chrom: str
    """The record."""
    first: int
    """Index of the first window."""
    forward: NDArray[np.float32]
    """Log odds of each window; nan if it was not read."""
    reverse: NDArray[np.float32]
    """Log odds of the reverse complement of each window."""


class Piece(NamedTuple):
    """Part of a track: sorted intervals that do not overlap; those without a value are left out."""

    chrom: str
    """The record."""
    starts: NDArray[np.int64]
    """First base of each interval."""
    ends: NDArray[np.int64]
    """One past its last base."""
    values: Floats
    """Probability of the target."""
    strand_bias: Floats
    """Log odds of the forward strand minus those of the reverse strand; 0 if only one was read."""


def combine(tile: Tile, config: TrackConfig) -> tuple[Floats, Floats]:
    """Return probability and strand bias of each window; nan if it was not read."""
    forward, reverse = tile.forward.astype(np.float64), tile.reverse.astype(np.float64)
    only = np.where(np.isnan(forward), reverse, forward)
    both = (forward + reverse) / 2 if config.combine == "mean" else np.maximum(forward, reverse)
    odds = np.where(np.isnan(both), only, both)
    strand_bias = np.where(np.isnan(both), 0.0, forward - reverse)
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-odds)), strand_bias


def make_track(
    tiles: Iterable[Tile], scan: ScanConfig, config: TrackConfig, spans: pd.DataFrame
) -> Iterator[Piece]:
    """Yield the track of tiles in order, cut to `spans`.

    Parameters
    ----------
    tiles
        Windows in the order of the genome.
    scan, config
        Settings of the windows and of the track.
    spans
        chrom, start, end, merged and sorted within a record.
    """
    inside = {
        str(name): part[["start", "end"]].to_numpy(np.int64)
        for name, part in spans.groupby("chrom", sort=False)
    }
    for piece in _whole_pieces(tiles, scan, config):
        known = ~np.isnan(piece.values)
        if known.any():
            kept = Piece(piece.chrom, *(column[known] for column in piece[1:]))  # type: ignore[arg-type]
            yield from _clip(kept, inside[piece.chrom])


def _whole_pieces(tiles: Iterable[Tile], scan: ScanConfig, config: TrackConfig) -> Iterator[Piece]:
    """Yield the track of tiles, unrounded; intervals without a value have nan."""
    reach = scan.window // scan.stride
    nothing = np.full(reach, np.nan)
    chrom, following, before = "", -1, (nothing, nothing)
    for tile in tiles:
        own = combine(tile, config)
        if config.per == "window":
            yield _window_piece(tile.chrom, *own, tile.first, scan)
            continue
        if chrom != tile.chrom or following != tile.first:
            if following >= 0:
                yield _base_piece(chrom, before, (nothing, nothing), following, scan)
            before = (nothing, nothing)
        yield _base_piece(tile.chrom, before, own, tile.first, scan)
        chrom, following = tile.chrom, tile.first + len(own[0])
        joined = [np.concatenate(pair) for pair in zip(before, own, strict=True)]
        before = tuple(part[len(part) - reach :] for part in joined)  # type: ignore[assignment]
    if following >= 0:
        yield _base_piece(chrom, before, (nothing, nothing), following, scan)


def _window_piece(
    chrom: str, values: Floats, strand_bias: Floats, first: int, scan: ScanConfig
) -> Piece:
    size = min(scan.window, scan.stride)
    starts = (first + np.arange(len(values))) * scan.stride + (scan.window - size) // 2
    return Piece(chrom, starts, starts + size, values, strand_bias)


def _base_piece(
    chrom: str,
    before: tuple[Floats, Floats],
    own: tuple[Floats, Floats],
    first: int,
    scan: ScanConfig,
) -> Piece:
    """Return the mean of the covering windows at each base, starting with window `first`.

    All bases from one start to the next have the same windows, unless one ends in between.
    """
    reach, rest = divmod(scan.window, scan.stride)
    number = len(own[0])
    columns = []
    for earlier, values in zip(before, own, strict=True):
        row = np.concatenate([earlier, values])
        # Bases before and after the end of the window that began `reach` windows earlier.
        columns.append(
            np.stack([_mean(row, number, reach, reach), _mean(row, number, reach, reach - 1)], 1)
        )
    starts = (first + np.arange(number)) * scan.stride
    bounds = np.stack([starts, starts + rest, starts + scan.stride], 1)
    low, high = bounds[:, :2].ravel(), bounds[:, 1:].ravel()
    real = high > low
    values, strand_bias = (column.ravel()[real] for column in columns)
    return Piece(chrom, low[real], high[real], values, strand_bias)


def _mean(row: Floats, number: int, reach: int, back: int) -> Floats:
    """Return, for each of the last `number` values, its mean with the `back` values before it, without nan."""
    total, count = np.zeros(number), np.zeros(number)
    for step in range(back, -1, -1):
        part = row[reach - step : reach - step + number]
        known = ~np.isnan(part)
        total += np.where(known, part, 0.0)
        count += known
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, total / count, np.nan)


def _clip(piece: Piece, spans: NDArray[np.int64]) -> Iterator[Piece]:
    values = np.round(piece.values, DECIMALS)
    first = np.searchsorted(spans[:, 1], piece.starts[0], side="right")
    last = np.searchsorted(spans[:, 0], piece.ends[-1], side="left")
    for start, end in spans[first:last].tolist():
        low = int(np.searchsorted(piece.ends, start, side="right"))
        high = int(np.searchsorted(piece.starts, end, side="left"))
        if high > low:
            yield Piece(
                piece.chrom,
                np.maximum(piece.starts[low:high], start),
                np.minimum(piece.ends[low:high], end),
                values[low:high],
                piece.strand_bias[low:high],
            )


class TrackWriter:
    """Writes a track as bigWig and as bedGraph (bgzip), piece by piece; a context manager.

    Parameters
    ----------
    folder
        Folder that the files are written to.
    lengths
        Length of each record in bases, in the order of the track.
    """

    def __init__(self, folder: Path, lengths: Mapping[str, int]) -> None:
        self._bigwig = pyBigWig.open(str(folder / BIGWIG), "w")
        self._bigwig.addHeader(list(lengths.items()))
        self._text = bgzf.BgzfWriter(str(folder / BEDGRAPH), "wb")

    def write(self, piece: Piece) -> None:
        """Append a piece; pieces must be in the order of the header."""
        self._bigwig.addEntries(
            [piece.chrom] * len(piece.starts),
            piece.starts.tolist(),
            ends=piece.ends.tolist(),
            values=piece.values.tolist(),
        )
        rows = zip(piece.starts.tolist(), piece.ends.tolist(), piece.values.tolist(), strict=True)
        text = "".join(f"{piece.chrom}\t{a}\t{b}\t{v:.{DECIMALS}g}\n" for a, b, v in rows)
        self._text.write(text.encode())

    def __enter__(self) -> TrackWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._bigwig.close()
        self._text.close()


class TrackRegion(NamedTuple):
    """A track in a region."""

    starts: NDArray[np.int64]
    """First base of each interval."""
    ends: NDArray[np.int64]
    """One past its last base."""
    values: NDArray[np.float64]
    """Probability of the target."""


def read_track(folder: Path, chrom: str, start: int, end: int) -> TrackRegion:
    """Read a region of the bigWig in a folder.

    Parameters
    ----------
    folder
        Folder written by :class:`TrackWriter`.
    chrom, start, end
        The region, 0-based and half-open.
    """
    return read_intervals(folder / BIGWIG, chrom, start, end)


def read_intervals(path: Path, chrom: str, start: int, end: int) -> TrackRegion:
    """Read a region of a bigWig.

    Parameters
    ----------
    path
        The file.
    chrom, start, end
        The region, 0-based and half-open.
    """
    with pyBigWig.open(str(path)) as file:
        found = file.intervals(chrom, start, end) or ()
    table = np.array(found, np.float64).reshape(-1, 3)
    return TrackRegion(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2])
