"""Tests of motifs in held-out sequences: enrichment in the class, and preferred position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson_binom

from dnasweep.motifs.discovery_data import MotifData
from dnasweep.motifs.enrichment import enrichment
from dnasweep.motifs.hit_thresholds import convolved_threshold
from dnasweep.motifs.patterns import Pattern
from dnasweep.motifs.scanner import ScoringMatrix
from dnasweep.tasks.multiple_tests import benjamini_hochberg

Floats = NDArray[np.float64]
Interval = tuple[int, int]

INTERVAL_BASES = 21
"""Width in bases of the preferred interval of a motif."""


class Validation(NamedTuple):
    """Tests of a motif in the held-out set."""

    num_positive: int
    """Number of sequences of the class with a hit."""
    num_negative: int
    """Number of other sequences with a hit."""
    p_value: float
    """Hypergeometric p-value of enrichment among sequences of the class; 1 without any hit."""
    q_value: float
    """P-value adjusted over the motifs (Benjamini-Hochberg)."""
    interval: Interval
    """First and last position of the interval with most centres of instances in the discovery set,
    counted from the transcription start, or from base 0 if it is not known."""
    num_in_interval: int
    """Number of sequences of the class with the centre of the best hit in this interval."""
    p_interval: float
    """Probability of at least as many if the best hit is equally likely at every start: the probability
    of each sequence is the fraction of its starts that are in the interval (Poisson binomial). 1 without
    any hit."""
    q_interval: float
    """`p_interval` adjusted over the motifs."""
    centres: NDArray[np.int64]
    """Centres of the best hits in sequences of the class."""
    negative_centres: NDArray[np.int64]
    """Centres of the best hits in the other sequences."""


def scanner_of(pattern: Pattern, p_value: float) -> ScoringMatrix:
    """Return the core of a motif as a scanner whose hits have this p-value, on either strand."""
    scores = np.log2(pattern.matrix[pattern.core] * 4)
    return ScoringMatrix(
        name=pattern.name,
        scores=tuple(tuple(row) for row in scores.tolist()),
        threshold=convolved_threshold(scores, p_value / (2 if pattern.either_strand else 1)),
        either_strand=pattern.either_strand,
    )


def validate(patterns: Sequence[Pattern], data: MotifData, *, hit_p: float) -> list[Validation]:
    """Test motifs in the held-out set.

    Parameters
    ----------
    patterns
        The motifs.
    data
        Sequences; the held-out ones are scanned.
    hit_p
        Maximum p-value of a hit.
    """
    rows = data.rows(discovery=False)
    positive, codes = data.positive[rows], data.bases.codes[rows]
    intervals = [_preferred_interval(one, data) for one in patterns]
    best = [
        _best_centres(scanner_of(one, hit_p), codes, data.bases.first, interval)
        for one, interval in zip(patterns, intervals, strict=True)
    ]
    hit = np.array([one.hit for one in best], bool).reshape(len(patterns), len(rows))
    tested = enrichment(hit.sum(1), (hit & positive).sum(1), len(rows), int(positive.sum()))
    centres = [one.centre[one.hit & positive] for one in best]
    p_intervals = np.array(
        [
            interval_p(centres[i], intervals[i], one.chance[one.hit & positive])
            for i, one in enumerate(best)
        ]
    )
    q_intervals = benjamini_hochberg(p_intervals)
    return [
        Validation(
            num_positive=len(centres[i]),
            num_negative=int((one.hit & ~positive).sum()),
            p_value=float(tested.p_values[i]),
            q_value=float(tested.q_values[i]),
            interval=intervals[i],
            num_in_interval=int(_inside(centres[i], intervals[i]).sum()),
            p_interval=float(p_intervals[i]),
            q_interval=float(q_intervals[i]),
            centres=centres[i],
            negative_centres=one.centre[one.hit & ~positive],
        )
        for i, one in enumerate(best)
    ]


class _Best(NamedTuple):
    hit: NDArray[np.bool_]
    centre: NDArray[np.int64]
    chance: Floats


def _best_centres(
    motif: ScoringMatrix, codes: NDArray[np.uint8], first: int, interval: Interval
) -> _Best:
    """Return whether each sequence has a hit, the centre of its best hit, and the fraction of its starts
    with the centre in an interval."""
    scores = motif.score(codes)
    num = len(codes)
    if not scores.shape[1]:
        return _Best(np.zeros(num, bool), np.zeros(num, np.int64), np.zeros(num))
    highest = scores.max(axis=1, keepdims=True)
    # Break ties at random: always taking the first would be biased upstream.
    random = np.random.default_rng(0).random(scores.shape)
    best = np.where(scores >= highest, random, -1.0).argmax(axis=1)
    centres = np.arange(scores.shape[1]) + motif.width // 2 + first
    # Starts beyond the ends of a sequence, or at unknown bases, do not count.
    starts = np.isfinite(scores)
    num_inside = starts[:, _inside(centres, interval)].sum(1)
    chance = num_inside / np.maximum(starts.sum(1), 1)
    return _Best(highest[:, 0] >= motif.threshold, centres[best], chance)


def centres_of(pattern: Pattern, first: int) -> NDArray[np.int64]:
    """Return the positions of the centre of a motif's core in its instances.

    Parameters
    ----------
    pattern
        The motif.
    first
        Position of column 0.
    """
    core = pattern.core
    half = (core.stop - core.start) // 2
    reverse = pattern.width - core.stop + half
    return pattern.starts + np.where(pattern.reverse, reverse, core.start + half) + first


def _preferred_interval(pattern: Pattern, data: MotifData) -> Interval:
    """Return the interval of `INTERVAL_BASES` positions with most centres of instances."""
    centres = np.sort(centres_of(pattern, data.bases.first))
    last = np.searchsorted(centres, centres + INTERVAL_BASES)
    best = int(np.argmax(last - np.arange(len(centres))))
    # The centres usually span fewer bases, and the interval is centred on them.
    span = int(centres[last[best] - 1] - centres[best])
    low = int(centres[best]) - (INTERVAL_BASES - 1 - span) // 2
    return low, low + INTERVAL_BASES - 1


def _inside(centres: NDArray[np.int64], interval: Interval) -> NDArray[np.bool_]:
    return (centres >= interval[0]) & (centres <= interval[1])


def interval_p(centres: NDArray[np.int64], interval: Interval, chances: Floats) -> float:
    """Return the probability that at least as many centres are in an interval.

    Parameters
    ----------
    centres
        Centre of each best hit, (sequences,).
    interval
        First and last position.
    chances
        Probability of each centre to be in the interval if no position is preferred, (sequences,).
    """
    if not len(centres):
        return 1.0
    # Sum the upper tail directly: 1 - lower tail would lose all precision below 1e-16.
    counts = np.arange(_inside(centres, interval).sum(), len(centres) + 1)
    return float(min(1.0, poisson_binom.pmf(counts, chances).sum()))
