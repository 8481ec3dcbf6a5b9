"""Thresholds of position weight matrices, defined by the fraction of k-mers that reach them.

There are three definitions, which accept slightly different k-mers: exact, by enumerating all k-mers
(:func:`listed_threshold`); by convolution, for motifs of any width (:func:`convolved_threshold`); and
the definition of MEME (:meth:`dnasweep.motifs.scanner.ScoringMatrix.threshold_at`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = tuple[tuple[float, ...], ...]

STEPS_PER_BIT = 1000
"""Resolution of the convolved distribution of scores."""
_MAX_LISTED = 10


def kmer_scores(scores: Rows) -> Floats:
    """Return the scores of all 4^width k-mers in the order of their numbers.

    Raises ValueError for more than ten bases.
    """
    if len(scores) > _MAX_LISTED:
        raise ValueError(
            f"the motif has {len(scores)} bases, and k-mers are listed for {_MAX_LISTED} at most"
        )
    total = np.zeros(1)
    for row in scores:
        total = (total[:, None] + np.array(row)[None, :]).ravel()
    return total


def listed_threshold(scores: Rows, p_value: float) -> float:
    """Return the lowest threshold that at most a fraction `p_value` of all k-mers reaches.

    This is exact: all k-mers are enumerated, and k-mers with equal scores are either all hits or none.
    Raises ValueError if no threshold is so rare, and for motifs of more than ten bases.
    """
    listed = np.sort(kmer_scores(scores))[::-1]
    allowed = int(p_value * listed.size)
    if allowed < 1:
        raise ValueError(f"no k-mer is as rare as {p_value:g}")
    # Scores that differ only by rounding are equal.
    distinct = np.flatnonzero(-np.diff(listed) > 1e-9) + 1
    fitting = distinct[distinct <= allowed]
    if not fitting.size:
        raise ValueError(f"the best k-mers are more than a share {p_value:g}")
    last = int(fitting[-1])
    return float(listed[last - 1] + listed[last]) / 2


def convolved_threshold(scores: Floats, p_value: float) -> float:
    """Return the lowest score that k-mers of random DNA reach with at most this probability.

    For motifs of any width, the distribution of scores under equal base frequencies is convolved
    column by column, in steps of 1 / `STEPS_PER_BIT`. Each score is rounded down, so k-mers reach a threshold
    from up to one step per column below it, and are counted: in matrices of few sites, many k-mers have equal
    scores that are rounded differently. The threshold is infinite if even the best k-mer is not rare enough.

    Parameters
    ----------
    scores
        (width, 4).
    p_value
        Probability of a hit at one position, on one strand.

    Examples
    --------
    >>> round(convolved_threshold(np.array([[2.0, -1, -1, -1]] * 3), p_value=0.02), 2)
    6.0
    """
    steps = np.floor((scores - scores.min(axis=1, keepdims=True)) * STEPS_PER_BIT).astype(np.int64)
    chance = np.ones(1)
    for row in steps:
        longer = np.zeros(len(chance) + int(row.max()))
        for step in row:
            longer[step : step + len(chance)] += chance / 4
        chance = longer
    tail = chance[::-1].cumsum()[::-1]
    reaching = np.concatenate([np.ones(len(steps)), tail])[: len(tail)]
    rare = np.flatnonzero(reaching <= p_value * (1 + 1e-9))
    if not len(rare) or not chance[rare[0] :].any():
        return float("inf")
    first = int(rare[0] + np.argmax(chance[rare[0] :] > 0))
    return first / STEPS_PER_BIT + float(scores.min(axis=1).sum()) - 1e-9
