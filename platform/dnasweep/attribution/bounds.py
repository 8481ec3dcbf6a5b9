"""Confidence bounds of a share from counts, by the Kullback-Leibler divergence of Bernoulli draws.

By Chernoff's bound, n draws that succeed with probability q show a share of successes of p or further
from q with probability at most exp(-n kl(p, q)). So all q with n kl(p, q) <= level lie within the
bounds; each bound is missed with probability exp(-level) at most. Near 0 and 1 they are far tighter
than Hoeffding's.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

Floats = NDArray[np.float64]

_HALVINGS = 50
_K1, _ALPHA = 405.5, 1.1


def kl_bernoulli(p: Floats, q: Floats) -> Floats:
    """Return the divergence, in nats, of success with probability q from success with probability p.

    It is inf where q makes impossible what p does not.
    """
    return np.asarray(rel_entr(p, q) + rel_entr(1 - np.asarray(p), 1 - np.asarray(q)), float)


def upper_bound(mean: Floats, level: Floats) -> Floats:
    """Return the largest share q with kl(mean, q) <= level.

    Parameters
    ----------
    mean
        Observed proportion.
    level
        Allowed divergence in nats: log(1 / error probability) / number of draws.
    """
    mean, level = np.broadcast_arrays(np.asarray(mean, float), np.asarray(level, float))
    low, high = mean.astype(float), np.ones_like(mean)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        inside = kl_bernoulli(mean, middle) <= level
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return np.where(kl_bernoulli(mean, np.ones_like(mean)) <= level, 1.0, low)


def lower_bound(mean: Floats, level: Floats) -> Floats:
    """Return the smallest share q with kl(mean, q) <= level; see :func:`upper_bound`."""
    return 1 - upper_bound(1 - np.asarray(mean, float), level)


def exploration_level(num_candidates: int, round_: int, delta: float) -> float:
    """Return the level, in nats, that KL-LUCB compares candidates with in a round.

    With it the candidates chosen at the end are among the best ones with probability
    1 - delta (Kaufmann & Kalyanakrishnan 2013, theorem 3, with their constants).

    Parameters
    ----------
    num_candidates
        Candidates compared (the arms of a bandit).
    round_
        Number of the round, from 1.
    delta
        Allowed error probability.
    """
    rate = math.log(_K1 * num_candidates * round_**_ALPHA / delta)
    return rate + math.log(rate)


def look_level(look: int, delta: float) -> float:
    """Return the level, in nats, of the look-th interim look at a bound, counted from 1.

    Error probabilities delta / (look (look + 1)) sum to delta over any number of looks. So whoever
    stops as soon as a bound is good enough errs with probability delta at most, for each bound.
    """
    return math.log(look * (look + 1) / delta)
