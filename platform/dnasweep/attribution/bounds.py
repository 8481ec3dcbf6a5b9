"""Confidence bounds of a share from counts, by the Kullback-Leibler divergence of Bernoulli draws.

What mean of draws can stand for what true share is decided by large deviations: n draws of a coin
that falls on its face with probability q show a share of p or beyond with probability at most
exp(-n kl(p, q)) (Chernoff). So all q with n kl(p, q) <= level stand within the bounds; each bound is
missed with probability exp(-level) at most. Near 0 and 1 they are far tighter than Hoeffding's.
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
    """Return the divergence, in nats, of a coin of share q from one of share p; inf where q cannot
    give what p does."""
    return np.asarray(rel_entr(p, q) + rel_entr(1 - np.asarray(p), 1 - np.asarray(q)), float)


def upper_bound(mean: Floats, level: Floats) -> Floats:
    """Return the largest share q with kl(mean, q) <= level.

    Parameters
    ----------
    mean
        Share seen.
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


def exploration_level(num_arms: int, round_: int, delta: float) -> float:
    """Return the level, in nats, that KL-LUCB compares arms with in a round.

    With it the arms chosen at the end are among the best ones with probability 1 - delta (Kaufmann &
    Kalyanakrishnan 2013, theorem 3, with their constants).

    Parameters
    ----------
    num_arms
        Arms compared.
    round_
        Counted from 1.
    delta
        Error probability.
    """
    rate = math.log(_K1 * num_arms * round_**_ALPHA / delta)
    return rate + math.log(rate)


def look_level(look: int, delta: float) -> float:
    """Return the level, in nats, of the look-th time that somebody looks, counted from 1.

    Error probabilities delta / (look (look + 1)) sum to delta over any number of looks, so whoever
    stops as soon as a bound is good enough errs with probability delta at most, a bound.
    """
    return math.log(look * (look + 1) / delta)
