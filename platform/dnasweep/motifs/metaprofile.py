"""Attributions around the hits of an element, base by base, and around the same places without one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from dnasweep.attribution.positions import BaseAttributions
from dnasweep.motifs.element_hits import ElementHits, Floats, Integers

SAMPLE = 20_000
"""Most values of the same places that are kept to be drawn."""


class Samples(NamedTuple):
    """Attributions of hits of one label and of what they are compared with."""

    hits: Floats
    """Of the hits."""
    same_place: Floats
    """Of the same places in sequences of the same species without a hit; at most `SAMPLE`."""
    same_word: Floats
    """Of the same words elsewhere, in sequences of the same species."""


def metaprofile_at_hits(
    bases: BaseAttributions, evidence: ElementHits, label: int, *, flank: int = 20
) -> pd.DataFrame:
    """Return the mean attribution of each base around the hits of one label.

    Parameters
    ----------
    bases
        What `evidence` was gathered from.
    evidence
        The hits.
    label
        The label whose sequences are looked at.
    flank
        Bases before the first and after the last base of a hit.

    Returns
    -------
    means
        A row a base: offset (from the hit's first base), num_hits, mean, standard_error, and
        place_mean, the mean of the same places in sequences of the same species without a hit,
        where these are spread over places as the hits are. Offsets beyond the shortest sequence
        have fewer hits.
    """
    offsets = np.arange(-flank, evidence.site.motif.width + flank)
    rows_of = pd.Index(bases.sequences["sequence_id"]).get_indexer(
        pd.Index(evidence.sequences["sequence_id"])
    )
    own, place_sum = [], np.zeros(len(offsets))
    place_num = np.zeros(len(offsets))
    for rows in _strata(evidence, label):
        hits = rows[evidence.place[rows] >= 0]
        free = rows_of[rows[evidence.place[rows] < 0]]
        starts = evidence.starts[evidence.place[hits]]
        own.append(_at(bases.values, rows_of[hits], starts, offsets))
        for start, num in zip(*np.unique(starts, return_counts=True), strict=True):
            if len(free):
                means = _means(_at(bases.values, free, np.full(len(free), start), offsets))
                there = ~np.isnan(means)
                place_sum[there] += num * means[there]
                place_num[there] += num
    values = np.concatenate([np.empty((0, len(offsets))), *own])
    num = np.count_nonzero(~np.isnan(values), axis=0)
    mean = _means(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.nansum((values - mean) ** 2, axis=0) / np.where(num > 1, num - 1, 0)
        table = {
            "offset": offsets,
            "num_hits": num,
            "mean": mean,
            "standard_error": np.sqrt(variance / num),
            "place_mean": place_sum / np.where(place_num > 0, place_num, np.nan),
        }
    return pd.DataFrame(table)


def samples(evidence: ElementHits, label: int, *, seed: int = 0) -> Samples:
    """Return the attributions of the hits of one label, and of the two backgrounds."""
    hits: list[Floats] = [np.empty(0)]
    place: list[Floats] = [np.empty(0)]
    word: list[Floats] = [np.empty(0)]
    away = evidence.elsewhere
    away_word = evidence.word[away.row, away.column]
    for rows in _strata(evidence, label):
        mine = rows[evidence.place[rows] >= 0]
        free = rows[evidence.place[rows] < 0]
        where = evidence.place[mine]
        hits.append(evidence.phi[mine, where])
        place.append(evidence.phi[free][:, where].ravel())
        same = np.isin(away.row, rows) & np.isin(
            away_word, evidence.word[mine, evidence.starts[where]]
        )
        word.append(evidence.sums[away.row[same], away.column[same]])
    others = np.concatenate(place)
    if len(others) > SAMPLE:
        others = np.random.default_rng(seed).choice(others, SAMPLE, replace=False)
    return Samples(np.concatenate(hits), others, np.concatenate(word))


def _strata(evidence: ElementHits, label: int) -> list[Integers]:
    """Return the rows of each species with this label."""
    labels = evidence.sequences["label"].to_numpy()
    species = evidence.sequences["species"].to_numpy(str)
    return [
        np.flatnonzero((labels == label) & (species == name))
        for name in np.unique(species[labels == label])
    ]


def _at(values: Floats, rows: Integers, starts: Integers, offsets: Integers) -> Floats:
    """Return (rows, offsets) values from each row's start, nan beyond the ends."""
    columns = starts[:, None] + offsets
    inside = (columns >= 0) & (columns < values.shape[1])
    out = values[rows[:, None], np.clip(columns, 0, values.shape[1] - 1)]
    return np.where(inside, out, np.nan)


def _means(values: Floats) -> Floats:
    num = np.count_nonzero(~np.isnan(values), axis=0)
    return np.nansum(values, axis=0) / np.where(num > 0, num, np.nan)
