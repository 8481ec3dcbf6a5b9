"""Precision and recall of a track per base, counted while it is streamed.

Tracks have probabilities with six decimals, so there are at most about a million distinct values: bases are
counted for each value, and average precision is exact. Points of the curve are thinned.
"""

from __future__ import annotations

from typing import NamedTuple

import bioframe
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.genomics.bigwig import DECIMALS, Piece
from dnasweep.genomics.peak_overlap import INTERVAL

VALUES = 10**DECIMALS
"""Number of steps of a probability in tracks, from 0 to 1."""
STEPS, MAX_LOG_ODDS = 100, 14
"""Resolution of a curve: one point per hundredth of log odds, which are between -14 and 14."""


class CurveSummary(NamedTuple):
    """Agreement of a track with an annotation per base."""

    bases: int
    """Number of bases with a value."""
    positive: int
    """Number of these bases in the annotation."""
    average_precision: float
    """Mean precision at the bases of the annotation, as defined by scikit-learn; nan without
    positives."""
    prevalence: float
    """Fraction of positive bases: the average precision of a random track."""


class Curve:
    """Bases of a track counted by value and by whether they are annotated.

    Parameters
    ----------
    elements
        chrom, start and end of the positive regions.
    """

    def __init__(self, elements: pd.DataFrame) -> None:
        merged = bioframe.merge(elements[INTERVAL], min_dist=0) if len(elements) else elements
        self._known = {
            str(name): part[["start", "end"]].to_numpy(np.int64)
            for name, part in merged.sort_values(["chrom", "start"]).groupby("chrom")
        }
        self.counts = np.zeros((2, VALUES + 1), np.int64)
        """Bases outside and in the annotation, by value."""

    def feed(self, piece: Piece) -> None:
        """Count the bases of a piece."""
        bins = np.round(piece.values * VALUES).astype(np.int64)
        size = piece.ends - piece.starts
        inside = self._covered(piece)
        np.add.at(self.counts[1], bins, inside)
        np.add.at(self.counts[0], bins, size - inside)

    def _covered(self, piece: Piece) -> NDArray[np.int64]:
        """Return the number of annotated bases in each interval."""
        known = self._known.get(piece.chrom)
        if known is None:
            return np.zeros(len(piece.starts), np.int64)
        cumulative = np.concatenate([[0], np.cumsum(known[:, 1] - known[:, 0])])

        def until(at: NDArray[np.int64]) -> NDArray[np.int64]:
            which = np.searchsorted(known[:, 0], at, side="right") - 1
            part = np.clip(at - known[which, 0], 0, known[which, 1] - known[which, 0])
            return np.where(which < 0, 0, cumulative[which] + part)

        return until(piece.ends) - until(piece.starts)

    def _at_each_value(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the values that occur, descending, with the precision and recall at each."""
        called = self.counts.sum(0)[::-1].cumsum()
        kept = np.flatnonzero(np.diff(called, prepend=0))
        positive = self.counts[1][::-1].cumsum()[kept]
        total = max(1, int(self.counts[1].sum()))
        return VALUES - kept, positive / called[kept], positive / total

    def points(self) -> pd.DataFrame:
        """Return threshold (probability), precision and recall in descending order, with the last of all
        values within a hundredth of log odds."""
        values, precision, recall = self._at_each_value()
        threshold = values / VALUES
        with np.errstate(divide="ignore"):
            odds = np.log(threshold) - np.log1p(-threshold)
        bins = np.floor(np.clip(odds, -MAX_LOG_ODDS, MAX_LOG_ODDS) * STEPS)
        kept = np.append(bins[1:] != bins[:-1], True)[: len(bins)]
        return pd.DataFrame(
            {"threshold": threshold[kept], "precision": precision[kept], "recall": recall[kept]}
        )

    def summary(self) -> CurveSummary:
        """Return the average precision, and that of a random track."""
        bases, positive = int(self.counts.sum()), int(self.counts[1].sum())
        if not positive:
            return CurveSummary(bases, 0, float("nan"), 0.0)
        _, precision, recall = self._at_each_value()
        area = float((precision * np.diff(recall, prepend=0.0)).sum())
        return CurveSummary(bases, positive, area, positive / bases)
