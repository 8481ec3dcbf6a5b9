"""Metaprofile of attributions at the hits of an element, and at the same positions without one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from dnasweep.attribution.positions import BaseAttributions
from dnasweep.motifs.element_hits import ElementHits, Floats, Integers

SAMPLE = 20_000
"""Maximum number of same-position values kept for the figure."""


class Samples(NamedTuple):
    """Attributions of the hits of one label, and of both backgrounds."""

    hits: Floats
    """Attributions of the hits."""
    same_position: Floats
    """Attributions at the same positions in sequences of the same species without a hit; at most `SAMPLE`."""
    same_kmer: Floats
    """Attributions of the same k-mers elsewhere, in sequences of the same species."""


def metaprofile_at_hits(
    bases: BaseAttributions, hits: ElementHits, label: int, *, flank: int = 20
) -> pd.DataFrame:
    """Return the mean attribution of each base around the hits of one label.

    Parameters
    ----------
    bases
        Attributions in which the hits were found.
    hits
        The hits.
    label
        Label of the sequences to use.
    flank
        Number of bases before the first and after the last base of a hit.

    Returns
    -------
    means
        One row per offset: offset (from the hit's first base), num_hits, mean, standard_error, and
        place_mean, the mean at the same positions in sequences of the same species without a hit,
        with positions weighted like the hits. Offsets beyond the shortest sequence
        have fewer hits.
    """
    offsets = np.arange(-flank, hits.site.motif.width + flank)
    rows_of = pd.Index(bases.sequences["sequence_id"]).get_indexer(
        pd.Index(hits.sequences["sequence_id"])
    )
    own, background_sum = [], np.zeros(len(offsets))
    background_num = np.zeros(len(offsets))
    for rows in _strata(hits, label):
        mine = rows[hits.position[rows] >= 0]
        free = rows_of[rows[hits.position[rows] < 0]]
        starts = hits.starts[hits.position[mine]]
        own.append(_at(bases.values, rows_of[mine], starts, offsets))
        for start, num in zip(*np.unique(starts, return_counts=True), strict=True):
            if len(free):
                means = _means(_at(bases.values, free, np.full(len(free), start), offsets))
                there = ~np.isnan(means)
                background_sum[there] += num * means[there]
                background_num[there] += num
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
            "place_mean": background_sum / np.where(background_num > 0, background_num, np.nan),
        }
    return pd.DataFrame(table)


def samples(hits: ElementHits, label: int) -> Samples:
    """Return the attributions of the hits of one label, and of the two backgrounds."""
    own: list[Floats] = [np.empty(0)]
    same_position: list[Floats] = [np.empty(0)]
    same_kmer: list[Floats] = [np.empty(0)]
    others = hits.elsewhere
    other_kmers = hits.kmer[others.row, others.column]
    for rows in _strata(hits, label):
        mine = rows[hits.position[rows] >= 0]
        free = rows[hits.position[rows] < 0]
        where = hits.position[mine]
        own.append(hits.phi[mine, where])
        same_position.append(hits.phi[free][:, where].ravel())
        kmers = hits.kmer[mine, hits.starts[where]]
        same = np.isin(others.row, rows) & np.isin(other_kmers, kmers)
        same_kmer.append(hits.sums[others.row[same], others.column[same]])
    background = np.concatenate(same_position)
    if len(background) > SAMPLE:
        background = np.random.default_rng(0).choice(background, SAMPLE, replace=False)
    return Samples(np.concatenate(own), background, np.concatenate(same_kmer))


def _strata(hits: ElementHits, label: int) -> list[Integers]:
    """Return the rows of each species with this label."""
    labels = hits.sequences["label"].to_numpy()
    species = hits.sequences["species"].to_numpy(str)
    return [
        np.flatnonzero((labels == label) & (species == name))
        for name in np.unique(species[labels == label])
    ]


def _at(values: Floats, rows: Integers, starts: Integers, offsets: Integers) -> Floats:
    """Return values at offsets from the start in each row, (rows, offsets); nan beyond the ends."""
    columns = starts[:, None] + offsets
    inside = (columns >= 0) & (columns < values.shape[1])
    out = values[rows[:, None], np.clip(columns, 0, values.shape[1] - 1)]
    return np.where(inside, out, np.nan)


def _means(values: Floats) -> Floats:
    num = np.count_nonzero(~np.isnan(values), axis=0)
    return np.nansum(values, axis=0) / np.where(num > 0, num, np.nan)
