"""Peaks of a track, called while it is streamed, and their files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from dnasweep.genomics.bigwig import Piece
from dnasweep.genomics.scan_plan import PeakConfig

BED, NARROW_PEAK = "peaks.bed", "peaks.narrowPeak"


class Peak(NamedTuple):
    """Consecutive bases at which the target is called."""

    chrom: str
    """The record."""
    start: int
    """First base, from 0."""
    end: int
    """One past the last base."""
    summit: int
    """Base in the middle of the first of its highest runs."""
    height: float
    """Probability at the summit."""
    strand: str
    """+ or -, the strand with the larger log odds at the summit; . if only one was read or both are equal."""

    def bed(self, number: int) -> tuple[object, ...]:
        """Return the columns of BED6; the score is 1000 x probability."""
        score = round(1000 * self.height)
        return (self.chrom, self.start, self.end, f"peak_{number}", score, self.strand)

    def narrow(self, number: int) -> tuple[object, ...]:
        """Return the columns of narrowPeak: BED6, probability, no p, no q, summit after start."""
        return (*self.bed(number), f"{self.height:.6g}", -1, -1, self.summit - self.start)


class _OpenPeak:
    """A peak that may continue in the next piece."""

    def __init__(self, chrom: str, start: int) -> None:
        self.chrom, self.start, self.end = chrom, start, start
        self.height, self.strand_bias = -1.0, 0.0
        self.top = (start, start)

    def add(self, piece: Piece, low: int, high: int) -> None:
        """Add intervals `low` to `high` of a piece, which are adjacent."""
        values = piece.values[low:high]
        highest = float(values.max())
        if highest >= self.height:
            at = int(values.argmax())
            falls = np.flatnonzero(values[at:] < highest)
            past = at + int(falls[0]) if len(falls) else len(values)
            start, end = int(piece.starts[low + at]), int(piece.ends[low + past - 1])
            if highest > self.height:
                self.height, self.strand_bias = highest, float(piece.strand_bias[low + at])
                self.top = (start, end)
            elif start == self.top[1]:
                self.top = (self.top[0], end)
        self.end = int(piece.ends[high - 1])

    def close(self) -> Peak:
        strand = "." if self.strand_bias == 0 else ("+" if self.strand_bias > 0 else "-")
        summit = (self.top[0] + self.top[1] - 1) // 2
        return Peak(self.chrom, self.start, self.end, summit, self.height, strand)


class PeakCaller:
    """Calls the peaks of a track given piece by piece.

    Parameters
    ----------
    config
        Settings of peak calling.
    """

    def __init__(self, config: PeakConfig) -> None:
        self.config = config
        self._open: _OpenPeak | None = None

    def feed(self, piece: Piece) -> Iterator[Peak]:
        """Add the next piece and yield the peaks that have ended."""
        high = piece.values >= self.config.threshold
        apart = np.ones(len(high), bool)
        apart[1:] = ~high[:-1] | (piece.starts[1:] != piece.ends[:-1])
        begins = np.flatnonzero(high & apart)
        ends = np.flatnonzero(high & np.append(~high[1:] | apart[1:], True)) + 1
        for low, past in zip(begins.tolist(), ends.tolist(), strict=True):
            start = int(piece.starts[low])
            known = self._open
            if (
                known is None
                or known.chrom != piece.chrom
                or (start - known.end > self.config.merge_gap)
            ):
                yield from self.end()
                self._open = known = _OpenPeak(piece.chrom, start)
            known.add(piece, low, past)

    def end(self) -> Iterator[Peak]:
        """Yield the peak that is still open, if it is long enough."""
        known, self._open = self._open, None
        if known is not None and known.end - known.start >= self.config.min_length:
            yield known.close()


def peaks_frame(peaks: Iterable[Peak]) -> pd.DataFrame:
    """Return peaks as a table: chrom, start, end, summit, height, strand."""
    return pd.DataFrame(list(peaks), columns=list(Peak._fields))


def write_peaks(folder: Path, peaks: Iterable[Peak]) -> None:
    """Write peaks as BED6 and as narrowPeak."""
    with (folder / BED).open("w") as bed, (folder / NARROW_PEAK).open("w") as narrow:
        for number, peak in enumerate(peaks, start=1):
            bed.write("\t".join(map(str, peak.bed(number))) + "\n")
            narrow.write("\t".join(map(str, peak.narrow(number))) + "\n")
