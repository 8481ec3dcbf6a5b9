"""A saturating sum of token weights, similar to log odds: a game with known Shapley values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from nulls import Floats

MAX_NODES = 64
HIGHEST_FREQUENCY = 10.0
"""Highest frequency of the waves that add up to tanh; 3e-7 of their weight lies beyond."""
ALIASING = 30.0
"""Distance beyond the arguments at which the sum of waves repeats itself."""


class Saturating(NamedTuple):
    """height tanh(bias + sum of the weights of the tokens kept)."""

    height: float
    bias: float
    weights: Floats
    """(tokens,)."""

    def __call__(self, masks: Floats) -> Floats:
        """Return the value of coalitions (rows, tokens), (rows,)."""
        found: Floats = self.height * np.tanh(self.bias + masks @ self.weights)
        return found

    def shapley(self) -> Floats:
        """Return the Shapley values, (tokens,), exact but for rounding.

        A token's value is its mean effect when all others are kept with probability q, averaged over q
        (Owen 1972). tanh is a sum of waves, exp(itx) weighted by -i pi / sinh(pi t / 2), and the mean
        of a wave over independent tokens is a product over them.
        """
        weights = self.weights
        tokens = len(weights)
        # Half as many nodes as tokens are exact; with an even number, none lies at 1/2, where a
        # token's factor could be 0.
        nodes, shares = np.polynomial.legendre.leggauss(min(2 * (tokens // 4 + 1), MAX_NODES))
        q, shares = (nodes + 1) / 2, shares / 2
        step = 2 * np.pi / (2 * (abs(self.bias) + np.abs(weights).sum()) + ALIASING)
        t = np.arange(step / 2, HIGHEST_FREQUENCY, step)
        wave = np.expm1(1j * t[:, None] * weights)
        factors = 1 + q[:, None] * wave[:, None]
        product = factors.prod(2) * shares
        # The product over all other tokens, without a token's own factor.
        others = (product[:, :, None] / factors).sum(1)
        density = -1j / np.sinh(np.pi * t / 2) * np.exp(1j * t * self.bias)
        mean = (density @ (wave * others)).real * step
        ends = np.tanh(self.bias + np.array([0.0, weights.sum()]))
        found: Floats = self.height * (mean + (ends[1] - ends[0] - mean.sum()) / tokens)
        return found
