"""Tracks and peaks in the files of genome browsers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyBigWig
from Bio import bgzf
from numpy.typing import NDArray

from dnasweep.genomics.peaks import Peak
from dnasweep.genomics.tracks import DECIMALS, Piece

BIGWIG, BEDGRAPH = "probability.bw", "probability.bedgraph.gz"
BED, NARROW_PEAK = "peaks.bed", "peaks.narrowPeak"


class TrackWriter:
    """Writes a track as bigWig and as bedGraph (bgzip), piece by piece."""

    def __init__(self, folder: Path, lengths: Mapping[str, int]) -> None:
        self._bigwig = pyBigWig.open(str(folder / BIGWIG), "w")
        self._bigwig.addHeader(list(lengths.items()))
        self._text = bgzf.BgzfWriter(str(folder / BEDGRAPH), "wb")
        self.num_bases = 0

    def write(self, piece: Piece) -> None:
        """Append a piece; pieces come in the order of the header."""
        self._bigwig.addEntries(
            [piece.chrom] * len(piece.starts),
            piece.starts.tolist(),
            ends=piece.ends.tolist(),
            values=piece.values.tolist(),
        )
        rows = zip(piece.starts.tolist(), piece.ends.tolist(), piece.values.tolist(), strict=True)
        text = "".join(f"{piece.chrom}\t{a}\t{b}\t{v:.{DECIMALS}g}\n" for a, b, v in rows)
        self._text.write(text.encode())
        self.num_bases += int((piece.ends - piece.starts).sum())

    def close(self) -> None:
        """Finish both files."""
        self._bigwig.close()
        self._text.close()


@contextmanager
def writing_track(folder: Path, lengths: Mapping[str, int]) -> Iterator[TrackWriter]:
    """Open a track for writing and finish it.

    Parameters
    ----------
    lengths
        Bases of each record, in the order of the track.
    """
    writer = TrackWriter(folder, lengths)
    try:
        yield writer
    finally:
        writer.close()


def write_peaks(folder: Path, peaks: Iterable[Peak]) -> None:
    """Write peaks as BED6 and as narrowPeak."""
    with (folder / BED).open("w") as bed, (folder / NARROW_PEAK).open("w") as narrow:
        for number, peak in enumerate(peaks, start=1):
            bed.write("\t".join(map(str, peak.bed(number))) + "\n")
            narrow.write("\t".join(map(str, peak.narrow(number))) + "\n")


class Stretch(NamedTuple):
    """A track in a region, for a picture."""

    starts: NDArray[np.int64]
    """First base of each interval."""
    ends: NDArray[np.int64]
    """One past its last base."""
    values: NDArray[np.float64]
    """Probability."""


def read_track(folder: Path, chrom: str, start: int, end: int) -> Stretch:
    """Read a region of the bigWig in a folder."""
    file = pyBigWig.open(str(folder / BIGWIG))
    try:
        found = file.intervals(chrom, start, end) or ()
    finally:
        file.close()
    table = np.array(found, np.float64).reshape(-1, 3)
    return Stretch(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2])


def peaks_frame(peaks: Iterable[Peak]) -> pd.DataFrame:
    """Return peaks as a table: chrom, start, end, summit, height, strand."""
    return pd.DataFrame(list(peaks), columns=list(Peak._fields))
