"""Motifs tested in sequences they were not found in: enrichment, and where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson_binom
from statsmodels.stats.multitest import multipletests

from dnasweep.motifs.discovery_input import MotifData
from dnasweep.motifs.dnabert import enrichment
from dnasweep.motifs.element_scan import ScoringMatrix
from dnasweep.motifs.patterns import Pattern

Floats = NDArray[np.float64]

STEPS = 100
"""Steps a bit of the distribution of scores."""
PLACE = 21
"""Bases of the place a motif may prefer."""


class Confirmed(NamedTuple):
    """What the confirmation part says of a motif."""

    num_positive: int
    """Sequences of the class with a hit."""
    num_negative: int
    """Others with a hit."""
    p_value: float
    """Hypergeometric, of enrichment among sequences of the class; 1 without any hit."""
    q_value: float
    """Adjusted over the motifs (Benjamini-Hochberg)."""
    place: tuple[int, int]
    """First and last position of the centre where most instances were found in the discovery
    part, counted from the transcription start, or from base 0 where it is not known."""
    num_in_place: int
    """Sequences of the class whose best hit is in that place."""
    p_place: float
    """Of as many there, were every start in a sequence as likely for its best hit: each sequence has
    its own chance, by how many starts it has and how many of them lie there (Poisson binomial); 1
    without any hit."""
    q_place: float
    """Adjusted over the motifs."""
    centres: NDArray[np.int64]
    """Positions of the best hits of sequences of the class."""
    negative_centres: NDArray[np.int64]
    """Those of the others."""


def threshold_of(scores: Floats, p_value: float) -> float:
    """Return the least score that words of random DNA reach with at most this probability.

    The distribution of scores under bases of equal frequency is convolved column by column, in
    steps of 1 / `STEPS`; infinity where not even the best word is so rare.

    Parameters
    ----------
    scores
        (width, 4).
    """
    steps = np.floor((scores - scores.min(axis=1, keepdims=True)) * STEPS).astype(np.int64)
    chance = np.ones(1)
    for row in steps:
        longer = np.zeros(len(chance) + int(row.max()))
        for step in row:
            longer[step : step + len(chance)] += chance / 4
        chance = longer
    tail = chance[::-1].cumsum()[::-1]
    rare = np.flatnonzero(tail <= p_value * (1 + 1e-9))
    if not len(rare) or not chance[rare[0] :].any():
        return float("inf")
    first = int(rare[0] + np.argmax(chance[rare[0] :] > 0))
    return first / STEPS + float(scores.min(axis=1).sum()) - 1e-9


def scanner(pattern: Pattern, p_value: float) -> ScoringMatrix:
    """Return the core of a motif, ready to be scanned with."""
    scores = np.log2(pattern.matrix[pattern.core] * 4)
    return ScoringMatrix(
        name=pattern.name,
        scores=tuple(tuple(row) for row in scores.tolist()),
        threshold=threshold_of(scores, p_value / (2 if pattern.either_strand else 1)),
        either_strand=pattern.either_strand,
    )


def confirm(patterns: Sequence[Pattern], data: MotifData, *, hit_p: float) -> list[Confirmed]:
    """Test motifs in the confirmation part."""
    rows = data.part(discovery=False)
    positive, codes = data.positive[rows], data.bases.codes[rows]
    places = [_place(one, data) for one in patterns]
    found = [
        _best_centres(scanner(one, hit_p), codes, data.bases.first, place)
        for one, place in zip(patterns, places, strict=True)
    ]
    hit = np.array([one.hit for one in found], bool).reshape(len(patterns), len(rows))
    tested = enrichment(hit.sum(1), (hit & positive).sum(1), len(rows), int(positive.sum()))
    chances = np.array(
        [
            place_p(one.centre[one.hit & positive], place, one.chance[one.hit & positive])
            for one, place in zip(found, places, strict=True)
        ]
    )
    adjusted = multipletests(chances, method="fdr_bh")[1] if len(chances) else chances
    return [
        Confirmed(
            num_positive=int((one.hit & positive).sum()),
            num_negative=int((one.hit & ~positive).sum()),
            p_value=float(tested.p_values[i]),
            q_value=float(tested.q_values[i]),
            place=places[i],
            num_in_place=_inside(one.centre[one.hit & positive], places[i]),
            p_place=float(chances[i]),
            q_place=float(adjusted[i]),
            centres=one.centre[one.hit & positive],
            negative_centres=one.centre[one.hit & ~positive],
        )
        for i, one in enumerate(found)
    ]


class _Best(NamedTuple):
    hit: NDArray[np.bool_]
    centre: NDArray[np.int64]
    chance: Floats


def _best_centres(
    motif: ScoringMatrix, codes: NDArray[np.uint8], first: int, place: tuple[int, int]
) -> _Best:
    """Return whether each sequence has a hit, where its best is, and what share of its starts have
    their centre in a place."""
    scores = motif.score(codes)
    num = len(codes)
    if not scores.shape[1]:
        return _Best(np.zeros(num, bool), np.zeros(num, np.int64), np.zeros(num))
    highest = scores.max(axis=1, keepdims=True)
    # Of equal ones any: the first of them would stand to the left too often.
    dice = np.random.default_rng(0).random(scores.shape)
    best = np.where(scores >= highest, dice, -1.0).argmax(axis=1)
    centres = np.arange(scores.shape[1]) + motif.width // 2 + first
    # Starts beyond the ends of a sequence, or at unknown bases, are none.
    starts = np.isfinite(scores)
    there = starts[:, (centres >= place[0]) & (centres <= place[1])].sum(1)
    chance = there / np.maximum(starts.sum(1), 1)
    return _Best(highest[:, 0] >= motif.threshold, centres[best], chance)


def centres_of(pattern: Pattern, first: int) -> NDArray[np.int64]:
    """Return the positions of the centres of a motif's core in its instances.

    Parameters
    ----------
    first
        Position of column 0.
    """
    core = pattern.core
    middle = core.start + (core.stop - core.start) // 2
    turned = pattern.width - core.stop + (core.stop - core.start) // 2
    return pattern.starts + np.where(pattern.reverse, turned, middle) + first


def _place(pattern: Pattern, data: MotifData) -> tuple[int, int]:
    """Return the `PLACE` positions that hold most centres of instances."""
    centres = np.sort(centres_of(pattern, data.bases.first))
    last = np.searchsorted(centres, centres + PLACE)
    best = int(np.argmax(last - np.arange(len(centres))))
    # Most often the centres span less: the place lies around them.
    span = int(centres[last[best] - 1] - centres[best])
    low = int(centres[best]) - (PLACE - 1 - span) // 2
    return low, low + PLACE - 1


def _inside(centres: NDArray[np.int64], place: tuple[int, int]) -> int:
    return int(((centres >= place[0]) & (centres <= place[1])).sum())


def place_p(centres: NDArray[np.int64], place: tuple[int, int], chances: Floats) -> float:
    """Return how probable it is that as many centres lie in a place.

    Parameters
    ----------
    centres
        (sequences,).
    chances
        (sequences,) of its centre to lie there, were there no place that it prefers.
    """
    if not len(centres):
        return 1.0
    # Summed from above: one less the lower tail would be rounded off from 1e-16 on.
    counts = np.arange(_inside(centres, place), len(centres) + 1)
    return float(min(1.0, poisson_binom.pmf(counts, chances).sum()))
