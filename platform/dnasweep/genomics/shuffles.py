"""How much more peaks meet an annotation than the same peaks elsewhere on the same chromosomes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.genomics.overlap import RECIPROCAL, find_hits


class OverlapEnrichment(NamedTuple):
    """Peaks that overlap an annotation, against chromosome-preserving shuffles."""

    observed: int
    """Peaks that overlap."""
    expected: float
    """Mean over the shuffles."""
    fold: float
    """Observed over expected; inf where no shuffle had any."""
    p: float
    """(1 + shuffles with at least as many) / (1 + shuffles); nan without shuffles."""
    observed_reciprocal: int
    """The same for a reciprocal overlap of one half."""
    expected_reciprocal: float
    """Mean over the shuffles."""
    fold_reciprocal: float
    """Observed over expected."""
    p_reciprocal: float
    """Empirical."""


def shuffle(peaks: pd.DataFrame, space: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return peaks of the same lengths on the same records, placed uniformly within `space`.

    Parameters
    ----------
    peaks
        chrom, start, end.
    space
        chrom, start and end of where a peak could have been; each peak fits in one of them.
    """
    starts = np.empty(len(peaks), np.int64)
    lengths = (peaks["end"] - peaks["start"]).to_numpy(np.int64)
    chroms = peaks["chrom"].to_numpy()
    for name, part in space.groupby("chrom", sort=False):
        begin, end = part["start"].to_numpy(np.int64), part["end"].to_numpy(np.int64)
        here = np.flatnonzero(chroms == name)
        for length in np.unique(lengths[here]).tolist():
            rows = here[lengths[here] == length]
            starts[rows] = _draw(begin, end - begin - length + 1, len(rows), rng)
    return pd.DataFrame({"chrom": peaks["chrom"], "start": starts, "end": starts + lengths})


def _draw(
    begin: NDArray[np.int64], room: NDArray[np.int64], number: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    until = np.cumsum(np.maximum(room, 0))
    dice = rng.integers(0, until[-1], number)
    which = np.searchsorted(until, dice, side="right")
    return (begin[which] + dice - (until[which] - room[which])).astype(np.int64, copy=False)


def enrich(
    peaks: pd.DataFrame,
    elements: pd.DataFrame,
    space: pd.DataFrame,
    *,
    num_shuffles: int,
    seed: int,
) -> OverlapEnrichment:
    """Count peaks on an annotation, and how often shuffled ones do as well.

    Parameters
    ----------
    space
        As for :func:`shuffle`.
    """
    rng = np.random.default_rng(seed)
    observed = _counts(peaks, elements)
    drawn = np.array(
        [_counts(shuffle(peaks, space, rng), elements) for _ in range(num_shuffles)], np.int64
    ).reshape(-1, 2)
    figures: list[float] = []
    for column, count in enumerate(observed):
        those = drawn[:, column]
        mean = float(those.mean()) if num_shuffles else float("nan")
        fold = count / mean if mean else (float("inf") if count else float("nan"))
        least = (1 + int((those >= count).sum())) / (1 + num_shuffles)
        p = least if num_shuffles else float("nan")
        figures += [count, mean, fold, p]
    return OverlapEnrichment(*figures)  # type: ignore[arg-type]


def _counts(peaks: pd.DataFrame, elements: pd.DataFrame) -> tuple[int, int]:
    return (
        int(find_hits(peaks, elements).peaks.sum()),
        int(find_hits(peaks, elements, fraction=RECIPROCAL).peaks.sum()),
    )
