"""Evaluation of a scanned track: its peaks, and their agreement with known annotations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import bioframe
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.genomics.bigwig import Piece
from dnasweep.genomics.peak_overlap import (
    INTERVAL,
    Agreement,
    OverlapEnrichment,
    agree,
    distances_to_tss,
    enrich,
    find_hits,
    share,
)
from dnasweep.genomics.peaks import Peak, PeakCaller, peaks_frame
from dnasweep.genomics.precision_recall import Curve, CurveSummary
from dnasweep.genomics.scan_plan import PeakConfig

NEAR = (50, 100, 500, 1000)
"""Distances in bases from a transcription start within which peaks are counted."""


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """Settings of the evaluation of a track."""

    peaks: PeakConfig
    """Settings of peak calling."""
    thresholds: Sequence[float]
    """Other thresholds at which precision and recall are reported."""
    num_shuffles: int
    """Number of shuffles of the peaks."""
    seed: int
    """Seed of the shuffles."""


class TrackEvaluation(NamedTuple):
    """Peaks of a track and their agreement with annotations."""

    peaks: pd.DataFrame
    """chrom, start, end, summit, height, strand, and tss_distance if starts were given."""
    called: list[Peak]
    """The same peaks, for output files."""
    agreement: pd.DataFrame
    """One row per annotation: :class:`Agreement`, :class:`CurveSummary`, :class:`OverlapEnrichment`."""
    thresholds: pd.DataFrame
    """annotation, threshold, num_peaks, precision, recall."""
    curves: dict[str, pd.DataFrame]
    """Precision and recall per base, for each annotation."""
    near: dict[str, float]
    """Distance of summits to a transcription start: `median_distance`, and fractions `within_N`."""
    bases: int
    """Number of bases with a value."""


class Scanned:
    """The regions that a track covers, collected while it is streamed."""

    def __init__(self) -> None:
        self._runs: list[tuple[str, NDArray[np.int64], NDArray[np.int64]]] = []

    def feed(self, piece: Piece) -> None:
        """Add the next piece; adjacent intervals are joined, so that few are kept."""
        breaks = np.flatnonzero(piece.starts[1:] != piece.ends[:-1])
        starts = piece.starts[np.concatenate([[0], breaks + 1])]
        self._runs.append((piece.chrom, starts, piece.ends[np.append(breaks, -1)]))

    def frame(self) -> pd.DataFrame:
        """Return chrom, start and end of the regions, sorted by record."""
        if not self._runs:
            return pd.DataFrame(columns=INTERVAL)
        chroms, starts, ends = zip(*self._runs, strict=True)
        names = np.repeat(np.array(chroms, object), list(map(len, starts)))
        cells = (names, np.concatenate(starts), np.concatenate(ends))
        table = pd.DataFrame(dict(zip(INTERVAL, cells, strict=True)))
        return bioframe.merge(table, min_dist=0)[INTERVAL]


def evaluate(
    pieces: Iterable[Piece],
    config: EvaluationConfig,
    annotations: Mapping[str, pd.DataFrame],
    tss: pd.DataFrame | None = None,
) -> TrackEvaluation:
    """Call the peaks of a track and compare them with annotations.

    Parameters
    ----------
    pieces
        The track, in order.
    config
        Settings of peak calling and comparison.
    annotations
        Tables with chrom, start and end, by name; elements outside the track do not count.
    tss
        Transcription starts for distances: chrom, start, end, strand.
    """
    thresholds = sorted({*config.thresholds, config.peaks.threshold})
    callers = {at: PeakCaller(replace(config.peaks, threshold=at)) for at in thresholds}
    called: dict[float, list[Peak]] = {at: [] for at in thresholds}
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
    frames = {at: peaks_frame(found) for at, found in called.items()}
    track = scanned.frame()
    peaks = frames[config.peaks.threshold]
    # Regions where a peak is possible, including gaps that peaks may extend over.
    space = track
    if len(track):
        space = bioframe.merge(track, min_dist=config.peaks.merge_gap)[INTERVAL]
    agreement, by_threshold = [], []
    for name, every in annotations.items():
        elements = every[find_hits(every, track).peaks].reset_index(drop=True)
        for at, frame in frames.items():
            precision, recall = map(share, find_hits(frame, elements))
            by_threshold.append((name, at, len(frame), precision, recall))
        enrichment = enrich(
            peaks, elements, space, num_shuffles=config.num_shuffles, seed=config.seed
        )
        agreement.append((name, *agree(peaks, elements), *curves[name].summary(), *enrichment))
    columns = ["annotation", *Agreement._fields, *CurveSummary._fields, *OverlapEnrichment._fields]
    near: dict[str, float] = {}
    if tss is not None:
        peaks = peaks.assign(tss_distance=distances_to_tss(peaks, tss))
        near = _near(peaks["tss_distance"].to_numpy())
    return TrackEvaluation(
        peaks,
        called[config.peaks.threshold],
        pd.DataFrame(agreement, columns=columns),
        pd.DataFrame(
            by_threshold, columns=["annotation", "threshold", "num_peaks", "precision", "recall"]
        ),
        {name: curve.points() for name, curve in curves.items()},
        near,
        int((track["end"] - track["start"]).sum()),
    )


def _near(distances: NDArray[np.float64]) -> dict[str, float]:
    known = np.abs(distances[~np.isnan(distances)])
    if len(known) == 0:
        return {}
    shares = {f"within_{bases}": float((known <= bases).sum() / len(distances)) for bases in NEAR}
    return {"median_distance": float(np.median(known)), **shares}
