"""Tracks of a model of bases, bins or numbers along a genome: one bigWig per output.

They are streamed window by window in the order of the genome, so memory does not grow with it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyBigWig
from numpy.typing import NDArray

from dnasweep.genomics.bigwig import Piece
from dnasweep.genomics.peaks import PeakCaller, peaks_frame
from dnasweep.genomics.scan_plan import Combine, PeakConfig, Strands

READ: dict[Strands, tuple[str, ...]] = {
    "both": ("plus", "minus"),
    "forward": ("plus",),
    "reverse": ("minus",),
}
"""Strands that a model reads, in the order of their predictions."""
MOST_LETTERS = 50
"""Maximum number of letters of an output in the name of a file; file systems allow 255 bytes."""
_BIAS = {"plus": 1.0, "minus": -1.0, "": 0.0}
Floats = NDArray[np.float64]


class Centre(NamedTuple):
    """Predictions of a window for the places at its centre."""

    chrom: str
    """The record."""
    start: int
    """First base of the first place."""
    values: Floats
    """Predictions, (places, outputs, strands)."""


class OutputTrack(NamedTuple):
    """A track of a scan."""

    output: str
    """Predicted class, signal or number."""
    strand: str
    """`plus` or `minus` if each strand has a separate track; otherwise empty."""
    file: str
    """File name of the bigWig, different for each track."""

    @property
    def name(self) -> str:
        """Name of the track, such as `donor.plus`."""
        return _named(self.output, self.strand)


def _named(output: str, strand: str) -> str:
    return f"{output}.{strand}" if strand else output


class FoundTracks(NamedTuple):
    """Tracks and peaks that were written."""

    table: pd.DataFrame
    """One row per track: track, bases, mean, max, and peaks if they were called."""
    peaks: pd.DataFrame
    """track, chrom, start, end, summit, height and strand of each peak, in the order of the genome."""


def tracks_of(outputs: Sequence[str], strands: Strands, combine: Combine) -> list[OutputTrack]:
    """Return the tracks of outputs: one per output, or one per output and strand if strands are kept apart.

    Parameters
    ----------
    outputs
        Names of the outputs.
    strands, combine
        Strands that are read, and how they are combined.
    """
    read = READ[strands] if combine == "apart" else ("",)
    found: list[OutputTrack] = []
    taken: set[str] = set()
    for output, strand in itertools.product(outputs, read):
        stem = re.sub(r"[^\w.+-]", "_", _named(output[:MOST_LETTERS], strand))
        while stem in taken:
            stem += "_"
        taken.add(stem)
        found.append(OutputTrack(output, strand, f"{stem}.bw"))
    return found


def combined(values: Floats, combine: Combine) -> Floats:
    """Return the values of the tracks, (places, tracks), from the values on each strand.

    Parameters
    ----------
    values
        Predictions, (places, outputs, strands).
    combine
        How the strands are combined.
    """
    if combine == "apart":
        return values.reshape(len(values), -1)
    return values.mean(2) if combine == "mean" else values.max(2)


def write_tracks(
    folder: Path,
    centres: Iterable[Centre],
    *,
    tracks: Sequence[OutputTrack],
    combine: Combine,
    width: int,
    lengths: Mapping[str, int],
    spans: pd.DataFrame,
    peaks: PeakConfig | None,
) -> FoundTracks:
    """Write a bigWig for each track, and call its peaks.

    Parameters
    ----------
    folder
        Folder to write the tracks to.
    centres
        Predictions of the windows, in the order of the genome.
    tracks, combine
        The tracks, and how the strands are combined.
    width
        Number of bases that each value covers.
    lengths
        Length of each record in bases, in the order of the tracks.
    spans
        chrom, start, end, merged and sorted within a record; positions that overlap them are kept.
    peaks
        Settings of peak calling; None: no peaks are called.
    """
    inside = {
        str(name): part[["start", "end"]].to_numpy(np.int64)
        for name, part in spans.groupby("chrom", sort=False)
    }
    callers = [None if peaks is None else PeakCaller(peaks) for _ in tracks]
    called: list[tuple[Any, ...]] = []
    bases, total = 0, np.zeros(len(tracks))
    highest = np.full(len(tracks), -np.inf)
    with ExitStack() as stack:
        files = [pyBigWig.open(str(folder / track.file), "w") for track in tracks]
        for file in files:
            stack.callback(file.close)
            file.addHeader(list(lengths.items()))
        for chrom, start, read in centres:
            values = combined(read, combine)
            starts = start + width * np.arange(len(values))
            for part in _runs(starts, starts + width, inside[chrom]):
                own, begins = values[part], starts[part]
                bases += len(own) * width
                total += own.sum(0) * width
                highest = np.maximum(highest, own.max(0))
                for i, (track, file, caller) in enumerate(
                    zip(tracks, files, callers, strict=True)
                ):
                    column = own[:, i]
                    file.addEntries(
                        chrom, int(begins[0]), values=column.tolist(), span=width, step=width
                    )
                    if caller is not None:
                        bias = np.full(len(own), _BIAS[track.strand])
                        piece = Piece(chrom, begins, begins + width, column, bias)
                        called += [(track.output, *peak) for peak in caller.feed(piece)]
        for track, caller in zip(tracks, callers, strict=True):
            if caller is not None:
                called += [(track.output, *peak) for peak in caller.end()]
    found = (
        peaks_frame([]).assign(track=[])
        if not called
        else pd.DataFrame(called, columns=["track", *peaks_frame([]).columns])
    )
    order = {name: i for i, name in enumerate(lengths)}
    found = found.sort_values(
        ["chrom", "start", "track"], key=lambda c: c.map(order) if c.name == "chrom" else c
    )
    table = pd.DataFrame(
        {
            "track": [track.name for track in tracks],
            "file": [track.file for track in tracks],
            "bases": bases,
            "mean": total / max(1, bases),
            "max": highest,
        }
    )
    if peaks is not None:
        # Without any peak, pandas takes these for columns of numbers.
        signs = found["strand"].map({"+": "plus", "-": "minus", ".": ""}).astype("str")
        named = found["track"].astype("str")
        numbers = (named + signs.where(signs == "", "." + signs)).value_counts()
        table["peaks"] = table["track"].map(numbers).fillna(0).astype(int)
    return FoundTracks(table, found.reset_index(drop=True))


def _runs(
    starts: NDArray[np.int64], ends: NDArray[np.int64], spans: NDArray[np.int64]
) -> list[slice]:
    """Return the runs of places that share a base with spans."""
    found = []
    first = int(np.searchsorted(spans[:, 1], starts[0], side="right"))
    done = 0
    for low, high in spans[first:].tolist():
        if low >= ends[-1]:
            break
        begin = max(done, int(np.searchsorted(ends, low, side="right")))
        done = max(begin, int(np.searchsorted(starts, high, side="left")))
        if done > begin:
            found.append(slice(begin, done))
    return found
