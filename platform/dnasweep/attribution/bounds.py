"""Confidence bounds of a proportion, from the Kullback-Leibler divergence of Bernoulli distributions.

By Chernoff's bound, the observed proportion in n draws with success probability q is p, or further from q
on the same side, with probability at most exp(-n kl(p, q)). The bounds therefore enclose all q with
n kl(p, q) <= level; each bound is missed with probability at most exp(-level). Near 0 and 1 they are much
tighter than Hoeffding's bounds.
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

    It is inf if an outcome is impossible under q but possible under p.
    """
    return np.asarray(rel_entr(p, q) + rel_entr(1 - np.asarray(p), 1 - np.asarray(q)), float)


def upper_bound(mean: Floats, level: Floats) -> Floats:
    """Return the largest proportion q with kl(mean, q) <= level.

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
    """Return the smallest proportion q with kl(mean, q) <= level; see :func:`upper_bound`."""
    return 1 - upper_bound(1 - np.asarray(mean, float), level)


def exploration_level(num_candidates: int, round_: int, delta: float) -> float:
    """Return the level, in nats, at which KL-LUCB compares candidates in a round.

    With this level, the candidates selected at the end are among the best ones with probability
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

    Error probabilities delta / (look (look + 1)) sum to at most delta over any number of looks.
    Stopping as soon as a bound is good enough therefore errs with probability at most delta per bound.
    """
    return math.log(look * (look + 1) / delta)
