"""What a scan came to: peaks, and how they agree with what is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import bioframe
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.genomics.overlap import INTERVAL, Agreement, agree, distances_to_tss, find_hits
from dnasweep.genomics.peaks import Peak, PeakCaller
from dnasweep.genomics.scan_curve import Curve, CurveSummary
from dnasweep.genomics.scan_settings import PeakConfig
from dnasweep.genomics.shuffles import OverlapEnrichment, enrich
from dnasweep.genomics.track_files import peaks_frame
from dnasweep.genomics.tracks import Piece

NEAR = (50, 100, 500, 1000)
"""Bases from a transcription start within which peaks are counted."""


@dataclass(frozen=True, kw_only=True)
class TrackQuery:
    """What to find in a track."""

    peaks: PeakConfig
    """What a peak is."""
    thresholds: Sequence[float]
    """Other thresholds at which precision and recall are told."""
    num_shuffles: int
    """Shuffles of the peaks."""
    seed: int
    """Of the shuffles."""


class Findings(NamedTuple):
    """What was found."""

    peaks: pd.DataFrame
    """chrom, start, end, summit, height, strand, and tss_distance where starts were given."""
    called: list[Peak]
    """The same, to be written."""
    agreement: pd.DataFrame
    """One row an annotation: :class:`Agreement`, :class:`CurveSummary`, :class:`OverlapEnrichment`."""
    thresholds: pd.DataFrame
    """annotation, threshold, num_peaks, precision, recall."""
    curves: dict[str, pd.DataFrame]
    """Precision and recall base by base, for each annotation."""
    near: dict[str, float]
    """Summits near a transcription start: `median_distance`, and parts `within_N`."""
    bases: int
    """Bases with a value."""


class Scanned:
    """The intervals of a track, those that touch joined."""

    def __init__(self) -> None:
        self._runs: list[tuple[str, NDArray[np.int64], NDArray[np.int64]]] = []

    def feed(self, piece: Piece) -> None:
        """Take the next piece."""
        starts, ends = _joined(piece.starts, piece.ends)
        if self._runs:
            chrom, _, until = self._runs[-1]
            if chrom == piece.chrom and until[-1] == starts[0]:
                until[-1], starts, ends = ends[0], starts[1:], ends[1:]
        if len(starts):
            self._runs.append((piece.chrom, starts, ends))

    def frame(self) -> pd.DataFrame:
        """Return chrom, start and end."""
        if not self._runs:
            return pd.DataFrame(columns=INTERVAL)
        chroms, starts, ends = zip(*self._runs, strict=True)
        names = np.repeat(np.array(chroms, object), list(map(len, starts)))
        return pd.DataFrame(
            {"chrom": names, "start": np.concatenate(starts), "end": np.concatenate(ends)}
        )


def _joined(
    starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return intervals in order, those that touch as one; the arrays are new."""
    cuts = np.flatnonzero(starts[1:] != ends[:-1])
    return starts[np.concatenate([[0], cuts + 1])], ends[np.append(cuts, len(ends) - 1)]


def find(
    pieces: Iterable[Piece],
    question: TrackQuery,
    annotations: Mapping[str, pd.DataFrame],
    tss: pd.DataFrame | None = None,
) -> Findings:
    """Call peaks in a track and compare them with annotations.

    Parameters
    ----------
    pieces
        The track, in order.
    annotations
        Name to chrom, start and end; elements outside the track do not count.
    tss
        Transcription starts for distances: chrom, start, end, strand.
    """
    steps = sorted({*question.thresholds, question.peaks.threshold})
    callers = {at: PeakCaller(replace(question.peaks, threshold=at)) for at in steps}
    called: dict[float, list[Peak]] = {at: [] for at in steps}
    curves = {name: Curve(elements) for name, elements in annotations.items()}
    scanned = Scanned()
    for piece in pieces:
        scanned.feed(piece)
        for at, caller in callers.items():
            called[at] += caller.feed(piece)
        for curve in curves.values():
            curve.feed(piece)
    for at, caller in callers.items():
        called[at] += caller.end()
    frames = {at: peaks_frame(peaks) for at, peaks in called.items()}
    track = scanned.frame()
    peaks = frames[question.peaks.threshold]
    space = _space(track, question.peaks)
    rows, by_threshold = [], []
    for name, every in annotations.items():
        elements = every[find_hits(every, track).peaks].reset_index(drop=True)
        for at, frame in frames.items():
            hits = find_hits(frame, elements)
            by_threshold.append((name, at, len(frame), *map(_mean, hits)))
        found = enrich(
            peaks, elements, space, num_shuffles=question.num_shuffles, seed=question.seed
        )
        rows.append((name, *agree(peaks, elements), *curves[name].summary(), *found))
    columns = ["annotation", *Agreement._fields, *CurveSummary._fields, *OverlapEnrichment._fields]
    near: dict[str, float] = {}
    if tss is not None:
        away = distances_to_tss(peaks, tss)
        peaks = peaks.assign(tss_distance=away)
        near = _near(away)
    return Findings(
        peaks,
        called[question.peaks.threshold],
        pd.DataFrame(rows, columns=columns),
        pd.DataFrame(
            by_threshold, columns=["annotation", "threshold", "num_peaks", "precision", "recall"]
        ),
        {name: curve.points() for name, curve in curves.items()},
        near,
        int((track["end"] - track["start"]).sum()),
    )


def _space(track: pd.DataFrame, config: PeakConfig) -> pd.DataFrame:
    """Return where a peak could have been: a gap that peaks may reach over is part of it."""
    if len(track) == 0:
        return track
    merged = bioframe.merge(track, min_dist=config.merge_gap)
    return merged[["chrom", "start", "end"]].reset_index(drop=True)


def _near(away: np.ndarray) -> dict[str, float]:
    known = np.abs(away[~np.isnan(away)])
    if len(known) == 0:
        return {}
    parts = {f"within_{bases}": float((known <= bases).sum() / len(away)) for bases in NEAR}
    return {"median_distance": float(np.median(known)), **parts}


def _mean(flags: np.ndarray) -> float:
    return float(flags.mean()) if len(flags) else float("nan")
