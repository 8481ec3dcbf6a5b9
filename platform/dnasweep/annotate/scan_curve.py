"""Precision and recall of a track, base by base, counted as it comes."""

from __future__ import annotations

from typing import NamedTuple

import bioframe
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.annotate.overlap import INTERVAL
from dnasweep.annotate.tracks import Piece

STEPS = 100
"""Bins a unit of log odds."""
MOST = 14
"""Log odds beyond which probabilities of six decimals are all one."""


class CurveSummary(NamedTuple):
    """Base-wise figures of a track against an annotation."""

    bases: int
    """Bases with a value."""
    positive: int
    """Bases of them in the annotation."""
    average_precision: float
    """Area under precision and recall; nan without positives."""
    prevalence: float
    """Positive over all: the average precision of a track of chance."""


class Curve:
    """Bases of a track by value and by whether they are annotated, in bins of the log odds.

    Parameters
    ----------
    elements
        chrom, start and end of what is positive.
    """

    def __init__(self, elements: pd.DataFrame) -> None:
        merged = bioframe.merge(elements[INTERVAL], min_dist=0) if len(elements) else elements
        self._known = {
            str(name): part[["start", "end"]].to_numpy(np.int64)
            for name, part in merged.sort_values(["chrom", "start"]).groupby("chrom")
        }
        self.counts = np.zeros((2, 2 * MOST * STEPS + 1), np.int64)
        """Bases outside and in the annotation, by bin."""

    def feed(self, piece: Piece) -> None:
        """Count the bases of a piece."""
        with np.errstate(divide="ignore"):
            odds = np.log(piece.values) - np.log1p(-piece.values)
        bins = np.round(np.clip(odds, -MOST, MOST) * STEPS).astype(np.int64) + MOST * STEPS
        size = piece.ends - piece.starts
        inside = self._covered(piece)
        width = self.counts.shape[1]
        self.counts[1] += np.bincount(bins, inside, width).astype(np.int64)
        self.counts[0] += np.bincount(bins, size - inside, width).astype(np.int64)

    def _covered(self, piece: Piece) -> NDArray[np.int64]:
        """Return annotated bases of each interval."""
        known = self._known.get(piece.chrom)
        if known is None:
            return np.zeros(len(piece.starts), np.int64)
        before = np.concatenate([[0], np.cumsum(known[:, 1] - known[:, 0])])

        def until(at: NDArray[np.int64]) -> NDArray[np.int64]:
            which = np.searchsorted(known[:, 0], at, side="right") - 1
            part = np.clip(at - known[which, 0], 0, known[which, 1] - known[which, 0])
            return np.where(which < 0, 0, before[which] + part)

        return until(piece.ends) - until(piece.starts)

    def points(self) -> pd.DataFrame:
        """Return threshold (probability), precision and recall where either changes, falling."""
        positive = self.counts[1][::-1].cumsum()
        called = self.counts.sum(0)[::-1].cumsum()
        odds = (np.arange(self.counts.shape[1])[::-1] - MOST * STEPS) / STEPS
        kept = np.diff(called, prepend=0) > 0
        total = max(1, int(positive[-1]))
        return pd.DataFrame(
            {
                "threshold": 1 / (1 + np.exp(-odds[kept])),
                "precision": positive[kept] / called[kept],
                "recall": positive[kept] / total,
            }
        )

    def summary(self) -> CurveSummary:
        """Return the area under the points, and what chance would have."""
        bases, positive = int(self.counts.sum()), int(self.counts[1].sum())
        if not positive:
            return CurveSummary(bases, 0, float("nan"), 0.0)
        points = self.points()
        gained = np.diff(points["recall"].to_numpy(), prepend=0.0)
        area = float((points["precision"].to_numpy() * gained).sum())
        return CurveSummary(bases, positive, area, positive / bases)
