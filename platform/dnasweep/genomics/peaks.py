"""Peaks of a track, called as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dnasweep.genomics.scan_settings import PeakConfig
from dnasweep.genomics.tracks import Piece


class Peak(NamedTuple):
    """Bases at which the target is called."""

    chrom: str
    """The record."""
    start: int
    """First base, from 0."""
    end: int
    """One past the last base."""
    summit: int
    """Base in the middle of the first of its highest stretches."""
    height: float
    """Probability there."""
    strand: str
    """+ or -, the strand with the larger log odds there; . where one alone was read or they tie."""

    def bed(self, number: int) -> tuple[object, ...]:
        """Return the columns of BED6; the score is 1000 x probability."""
        score = round(1000 * self.height)
        return (self.chrom, self.start, self.end, f"peak_{number}", score, self.strand)

    def narrow(self, number: int) -> tuple[object, ...]:
        """Return the columns of narrowPeak: BED6, probability, no p, no q, summit after start."""
        return (*self.bed(number), f"{self.height:.6g}", -1, -1, self.summit - self.start)


class _Open:
    """A peak that may go on."""

    def __init__(self, chrom: str, start: int) -> None:
        self.chrom, self.start, self.end = chrom, start, start
        self.height, self.lean = -1.0, 0.0
        self.top = (start, start)

    def add(self, piece: Piece, low: int, high: int) -> None:
        """Take in intervals `low` to `high` of a piece, which touch each other."""
        values = piece.values[low:high]
        highest = float(values.max())
        if highest >= self.height:
            at = int(values.argmax())
            falls = np.flatnonzero(values[at:] < highest)
            past = at + int(falls[0]) if len(falls) else len(values)
            start, end = int(piece.starts[low + at]), int(piece.ends[low + past - 1])
            if highest > self.height:
                self.height, self.lean = highest, float(piece.lean[low + at])
                self.top = (start, end)
            elif start == self.top[1]:
                self.top = (self.top[0], end)
        self.end = int(piece.ends[high - 1])

    def close(self) -> Peak:
        strand = "." if self.lean == 0 else ("+" if self.lean > 0 else "-")
        summit = (self.top[0] + self.top[1] - 1) // 2
        return Peak(self.chrom, self.start, self.end, summit, self.height, strand)


class PeakCaller:
    """Calls the peaks of a track given piece by piece.

    Parameters
    ----------
    config
        What a peak is.
    """

    def __init__(self, config: PeakConfig) -> None:
        self.config = config
        self._open: _Open | None = None

    def feed(self, piece: Piece) -> Iterator[Peak]:
        """Take the next piece and yield the peaks that are known to have ended."""
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
                self._open = known = _Open(piece.chrom, start)
            known.add(piece, low, past)

    def end(self) -> Iterator[Peak]:
        """Yield the peak that is open, if it is long enough."""
        known, self._open = self._open, None
        if known is not None and known.end - known.start >= self.config.min_length:
            yield known.close()
