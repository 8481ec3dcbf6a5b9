"""Peaks against known annotation; bioframe does the intervals."""

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
    """Which of two sets of intervals overlap one of the other."""

    peaks: Flags
    """(peaks,)."""
    elements: Flags
    """(elements,)."""


class Agreement(NamedTuple):
    """How far peaks and an annotation agree."""

    num_peaks: int
    """Peaks."""
    num_elements: int
    """Elements of the annotation in what was scanned."""
    precision: float
    """Part of the peaks that shares a base with an element; nan without peaks."""
    recall: float
    """Part of the elements that shares a base with a peak."""
    precision_reciprocal: float
    """Part of the peaks of which one half and more is one half and more of an element."""
    recall_reciprocal: float
    """The same for elements."""
    jaccard: float
    """Bases of both over bases of either."""


def find_hits(
    peaks: pd.DataFrame, elements: pd.DataFrame, *, fraction: float | None = None
) -> Hits:
    """Return which peaks and elements overlap.

    Parameters
    ----------
    peaks, elements
        chrom, start and end, 0-based and half-open.
    fraction
        Least part of both intervals that is shared; None: one base.
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
    """Return bases in both sets over bases in either; nan where both are empty."""
    if len(peaks) == 0 and len(elements) == 0:
        return float("nan")
    merged = [
        bioframe.merge(frame[INTERVAL], min_dist=0)[INTERVAL] if len(frame) else frame[INTERVAL]
        for frame in (peaks, elements)
    ]
    total = sum(int((frame["end"] - frame["start"]).sum()) for frame in merged)
    shared = 0
    if all(map(len, merged)):
        pairs = bioframe.overlap(*merged, how="inner", return_overlap=True)
        shared = int((pairs["overlap_end"] - pairs["overlap_start"]).sum())
    return shared / (total - shared)


def agree(peaks: pd.DataFrame, elements: pd.DataFrame) -> Agreement:
    """Compare peaks with an annotation in every way at once."""
    one = find_hits(peaks, elements)
    half = find_hits(peaks, elements, fraction=RECIPROCAL)
    return Agreement(
        len(peaks),
        len(elements),
        _part(one.peaks),
        _part(one.elements),
        _part(half.peaks),
        _part(half.elements),
        jaccard(peaks, elements),
    )


def distances_to_tss(peaks: pd.DataFrame, tss: pd.DataFrame) -> NDArray[np.float64]:
    """Return bases from the nearest transcription start to each summit, (peaks,).

    Negative is upstream of a start with a strand; nan where the record has no start.

    Parameters
    ----------
    peaks
        chrom and summit.
    tss
        chrom, start, end and strand; the first transcribed base is that at the 5' end.
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
    there = pairs["index_"].to_numpy(np.int64)
    away = summits["start"].to_numpy()[here] - starts["start"].to_numpy()[there]
    sign = np.where(starts["strand"].to_numpy()[there] == "-", -1, 1)
    found[here] = away * sign
    return found


def widened(elements: pd.DataFrame, bases: int) -> pd.DataFrame:
    """Return elements with so many bases more at either end, not below 0."""
    return elements.assign(
        start=(elements["start"] - bases).clip(lower=0), end=elements["end"] + bases
    )


def _part(flags: Flags) -> float:
    return float(flags.mean()) if len(flags) else float("nan")
