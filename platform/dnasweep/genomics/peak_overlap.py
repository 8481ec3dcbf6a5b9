"""Comparison of peaks with an annotation: overlap, enrichment over shuffled peaks, distance to starts.

Interval arithmetic is done by bioframe.
"""

from __future__ import annotations

from typing import NamedTuple

import bioframe
import numpy as np
import pandas as pd
from numpy.typing import NDArray

INTERVAL = ["chrom", "start", "end"]
RECIPROCAL = 0.5
Flags = NDArray[np.bool_]


class Hits(NamedTuple):
    """Which intervals of two sets overlap an interval of the other set."""

    peaks: Flags
    """Whether each peak overlaps an element, (peaks,)."""
    elements: Flags
    """Whether each element overlaps a peak, (elements,)."""


class Agreement(NamedTuple):
    """Agreement of peaks with an annotation."""

    num_peaks: int
    """Number of peaks."""
    num_elements: int
    """Number of elements of the annotation in the scanned regions."""
    precision: float
    """Fraction of peaks that overlap an element by at least one base; nan without peaks."""
    recall: float
    """Fraction of elements that overlap a peak by at least one base."""
    precision_reciprocal: float
    """Fraction of peaks whose overlap with an element is at least half of both."""
    recall_reciprocal: float
    """The same for elements."""
    jaccard: float
    """Number of bases in both sets divided by the number of bases in either."""


class OverlapEnrichment(NamedTuple):
    """Peaks that overlap an annotation, compared with chromosome-preserving shuffles."""

    observed: int
    """Number of peaks that overlap an element."""
    expected: float
    """Mean number over the shuffles."""
    fold: float
    """Observed divided by expected; inf if no shuffle had any overlap."""
    p: float
    """(1 + shuffles with at least as many) / (1 + shuffles); nan without shuffles."""
    observed_reciprocal: int
    """The same for a reciprocal overlap of one half."""
    expected_reciprocal: float
    """Mean over the shuffles."""
    fold_reciprocal: float
    """Observed over expected."""
    p_reciprocal: float
    """Empirical p-value."""


def find_hits(
    peaks: pd.DataFrame, elements: pd.DataFrame, *, fraction: float | None = None
) -> Hits:
    """Return which peaks and elements overlap.

    Parameters
    ----------
    peaks, elements
        chrom, start and end, 0-based and half-open.
    fraction
        Minimum fraction of both intervals that overlaps; None for one base.
    """
    hits = Hits(np.zeros(len(peaks), bool), np.zeros(len(elements), bool))
    if len(peaks) == 0 or len(elements) == 0:
        return hits
    pairs = bioframe.overlap(
        peaks[INTERVAL].reset_index(drop=True),
        elements[INTERVAL].reset_index(drop=True),
        how="inner",
        return_index=True,
        return_overlap=True,
    )
    if fraction is not None:
        shared = pairs["overlap_end"] - pairs["overlap_start"]
        enough = (shared >= fraction * (pairs["end"] - pairs["start"])) & (
            shared >= fraction * (pairs["end_"] - pairs["start_"])
        )
        pairs = pairs[enough]
    hits.peaks[pairs["index"].to_numpy(np.int64)] = True
    hits.elements[pairs["index_"].to_numpy(np.int64)] = True
    return hits


def jaccard(peaks: pd.DataFrame, elements: pd.DataFrame) -> float:
    """Return the number of bases in both sets divided by that in either; nan if both are empty."""
    either = _covered_bases(peaks, elements)
    if either == 0:
        return float("nan")
    return (_covered_bases(peaks) + _covered_bases(elements) - either) / either


def _covered_bases(*frames: pd.DataFrame) -> int:
    """Return the number of bases covered by the intervals of all frames together."""
    filled = [frame[INTERVAL] for frame in frames if len(frame)]
    if not filled:
        return 0
    merged = bioframe.merge(pd.concat(filled, ignore_index=True), min_dist=0)
    return int((merged["end"] - merged["start"]).sum())


def agree(peaks: pd.DataFrame, elements: pd.DataFrame) -> Agreement:
    """Compare peaks with an annotation: precision, recall and the Jaccard index."""
    one = find_hits(peaks, elements)
    half = find_hits(peaks, elements, fraction=RECIPROCAL)
    return Agreement(
        num_peaks=len(peaks),
        num_elements=len(elements),
        precision=share(one[0]),
        recall=share(one[1]),
        precision_reciprocal=share(half[0]),
        recall_reciprocal=share(half[1]),
        jaccard=jaccard(peaks, elements),
    )


def share(flags: Flags) -> float:
    """Return the fraction of flags that are true; nan without any flags."""
    return float(flags.mean()) if len(flags) else float("nan")


def shuffle(peaks: pd.DataFrame, space: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return peaks of the same lengths on the same records, placed uniformly within `space`.

    Parameters
    ----------
    peaks
        chrom, start, end.
    space
        chrom, start and end of regions where a peak is possible; each peak fits in one of them.
    rng
        Random generator for the positions.
    """
    starts = np.empty(len(peaks), np.int64)
    lengths = (peaks["end"] - peaks["start"]).to_numpy(np.int64)
    chroms = peaks["chrom"].to_numpy()
    for name, part in space.groupby("chrom", sort=False):
        begin, end = part["start"].to_numpy(np.int64), part["end"].to_numpy(np.int64)
        here = np.flatnonzero(chroms == name)
        for length in np.unique(lengths[here]).tolist():
            rows = here[lengths[here] == length]
            # Number of possible starts of the peak in each interval.
            room = end - begin - length + 1
            until = np.cumsum(np.maximum(room, 0))
            drawn = rng.integers(0, until[-1], len(rows))
            which = np.searchsorted(until, drawn, side="right")
            starts[rows] = begin[which] + drawn - (until[which] - room[which])
    return pd.DataFrame({"chrom": peaks["chrom"], "start": starts, "end": starts + lengths})


def enrich(
    peaks: pd.DataFrame,
    elements: pd.DataFrame,
    space: pd.DataFrame,
    *,
    num_shuffles: int,
    seed: int,
) -> OverlapEnrichment:
    """Count peaks that overlap an annotation, and compare with shuffled peaks.

    Parameters
    ----------
    peaks, elements
        chrom, start and end.
    space
        Regions in which peaks are possible; see :func:`shuffle`.
    num_shuffles
        Number of shuffles.
    seed
        Seed of the shuffles.
    """
    rng = np.random.default_rng(seed)
    observed = _counts(peaks, elements)
    drawn = np.array(
        [_counts(shuffle(peaks, space, rng), elements) for _ in range(num_shuffles)], np.int64
    ).reshape(-1, 2)
    figures: list[float] = []
    for column, count in enumerate(observed):
        null = drawn[:, column]
        mean = float(null.mean()) if num_shuffles else float("nan")
        fold = count / mean if mean else (float("inf") if count else float("nan"))
        p = (1 + int((null >= count).sum())) / (1 + num_shuffles)
        figures += [count, mean, fold, p if num_shuffles else float("nan")]
    return OverlapEnrichment(*figures)  # type: ignore[arg-type]


def _counts(peaks: pd.DataFrame, elements: pd.DataFrame) -> tuple[int, int]:
    return (
        int(find_hits(peaks, elements).peaks.sum()),
        int(find_hits(peaks, elements, fraction=RECIPROCAL).peaks.sum()),
    )


def distances_to_tss(peaks: pd.DataFrame, tss: pd.DataFrame) -> NDArray[np.float64]:
    """Return the distance in bases from the nearest transcription start to each summit, (peaks,).

    It is negative upstream of a start with a strand, and nan if the record has no start.

    Parameters
    ----------
    peaks
        chrom and summit.
    tss
        chrom, start, end and strand; the first transcribed base is the one at the 5' end.
    """
    found = np.full(len(peaks), np.nan)
    if len(peaks) == 0 or len(tss) == 0:
        return found
    first = tss["start"].where(tss["strand"] != "-", tss["end"] - 1)
    starts = pd.DataFrame(
        {"chrom": tss["chrom"], "start": first, "end": first + 1, "strand": tss["strand"]}
    ).reset_index(drop=True)
    summits = pd.DataFrame(
        {"chrom": peaks["chrom"], "start": peaks["summit"], "end": peaks["summit"] + 1}
    ).reset_index(drop=True)
    pairs = bioframe.closest(summits, starts, return_index=True)
    pairs = pairs[pairs["index_"].notna()]
    here = pairs["index"].to_numpy(np.int64)
    nearest = starts.iloc[pairs["index_"].to_numpy(np.int64)]
    distance = summits["start"].to_numpy()[here] - nearest["start"].to_numpy()
    found[here] = distance * np.where(nearest["strand"].to_numpy() == "-", -1, 1)
    return found


def widened(elements: pd.DataFrame, bases: int) -> pd.DataFrame:
    """Return elements extended by `bases` at either end, but not below 0."""
    return elements.assign(
        start=(elements["start"] - bases).clip(lower=0), end=elements["end"] + bases
    )
