"""Null simulations of the intervals of means over sequences and over seeds."""

from __future__ import annotations

import numpy as np
from dnasweep.attribution.intervals import mean_over
from dnasweep.sweeps.row_tests import spread
from nulls import Check, Floats, Simulate


def over_sequences(num: int, draw: str) -> Simulate:
    """Return the simulation of `mean_over`, the interval in all tables of explanations."""

    def simulate(rng: np.random.Generator, times: int) -> Floats:
        values = _values(rng, (times, num), draw)
        found = [mean_over(row, seed=i) for i, row in enumerate(values)]
        return np.array([(mean.low, mean.high, _MEAN[draw]) for mean in found])

    return simulate


def over_seeds(num: int) -> Simulate:
    """Return the simulation of `spread`, the interval of a test metric over seeds."""

    def simulate(rng: np.random.Generator, times: int) -> Floats:
        found = [spread(row) for row in rng.normal(0.7, 0.05, (times, num))]
        return np.array([(mean.low, mean.high, 0.7) for mean in found])

    return simulate


_MEAN = {"normal": 0.0, "share": 20 / 21, "hits": 0.75}
_SETTINGS = {
    "normal": "normal values",
    "share": "values skewed towards 1 (Beta 20, 1)",
    "hits": "shares of 8 (Beta 3, 1)",
}


def _values(rng: np.random.Generator, shape: tuple[int, int], draw: str) -> Floats:
    if draw == "normal":
        return rng.normal(size=shape)
    if draw == "hits":
        return rng.binomial(8, rng.beta(3.0, 1.0, shape)) / 8
    return rng.beta(20.0, 1.0, shape)


CHECKS = {
    **{
        f"mean_over_{draw}_{num}": Check(
            quantity="mean over sequences: agreement, recovery, sanity, curves (mean_over)",
            setting=f"{num} {_SETTINGS[draw]}",
            simulate=over_sequences(num, draw),
            may_be_careful=(draw, num) == ("hits", 2),
        )
        for draw in _SETTINGS
        for num in (2, 5, 16, 100)
    },
    **{
        f"spread_{num}": Check(
            quantity="mean of a test metric over seeds (spread)",
            setting=f"{num} seeds",
            simulate=over_seeds(num),
        )
        for num in (2, 3, 5)
    },
}
