"""A saturating additive model of the outputs on coalitions, whose Shapley values are cheap to compute.

A classifier's log odds are bounded: once the tokens kept are evidence enough, more of them change
nothing. offset + height tanh(bias + sum of the weights of the tokens kept) has that form, and with a
large height it is the additive model that KernelSHAP fits. The part of the outputs that it explains
need not be estimated from draws, only the rest (Witter, Liu & Musco 2025).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SHRINKAGE = 1e-4
"""Penalty on squared weights, per output, in units of the squared span of the outputs / 4."""
MIN_RELEVANCE = 1e-4
"""Lower limit on the squared weight that a token is assumed to have."""
ANCHOR = 1e-4
"""Penalty on the squared deviation of the height from the one that the range of outputs suggests."""
NUM_PARAMETERS_BESIDE_WEIGHTS = 3
MIN_FREEDOM = 0.1
"""Lower limit on the part of an output that has not gone into its own fitted value."""
MAX_STEPS = 60
CONVERGED = 1e-6
"""Relative change of the penalised error at which the fit ends."""
MAX_DAMPING = 1e8
MAX_NODES = 64
HIGHEST_FREQUENCY = 10.0
"""Highest frequency of the waves that add up to tanh; 3e-7 of their weight lies beyond."""
ALIASING = 30.0
"""Distance beyond the arguments of a model at which its sum of waves repeats itself."""


class Saturating(NamedTuple):
    """Fitted models, one per sequence."""

    offset: Floats
    """(sequences,)."""
    height: Floats
    """(sequences,)."""
    bias: Floats
    """(sequences,)."""
    weights: Floats
    """(sequences, tokens)."""
    leverage: Floats = np.empty((0, 0, 2, 2))
    """Leverage of the outputs of a pair on their own fitted values and on each other's, (sequences,
    pairs, 2, 2); see :meth:`left_out`."""

    def left_out(self, index: int, rest: Floats) -> Floats:
        """Return the residuals of each pair when the model is fitted to all others, (pairs, 2).

        To first order, as in any fit by least squares: the residual divided by 1 - leverage.

        Parameters
        ----------
        index
            Number of the sequence.
        rest
            Residuals when it is fitted to all, (pairs, 2).
        """
        shares, axes = np.linalg.eigh(np.eye(2) - self.leverage[index])
        rotated = np.einsum("pij,pi->pj", axes, rest) / np.clip(shares, MIN_FREEDOM, None)
        found: Floats = np.einsum("pij,pj->pi", axes, rotated)
        return found

    def values(self, index: int, masks: NDArray[np.bool_]) -> Floats:
        """Return the outputs that the model of sequence `index` predicts for masks (rows, tokens), (rows,)."""
        inside = self.bias[index] + masks @ self.weights[index]
        return self.offset[index] + self.height[index] * np.tanh(inside)

    def shapley(self) -> Floats:
        """Return the Shapley values of each model, (sequences, tokens).

        They are exact but for rounding, and sum to the model's output on the full coalition minus that
        on the empty one. A token's value is its mean effect when all others are kept with probability
        q, averaged over q (Owen 1972). tanh is a sum of waves, exp(itx) weighted by
        -i pi / sinh(pi t / 2), and the mean of a wave over independent tokens is a product over them.
        """
        found = np.empty_like(self.weights)
        # Half as many nodes as tokens are exact; with an even number, none lies at 1/2, where a
        # token's factor could be 0.
        tokens = self.weights.shape[1]
        nodes, shares = np.polynomial.legendre.leggauss(min(2 * (tokens // 4 + 1), MAX_NODES))
        q, shares = (nodes + 1) / 2, shares / 2
        for index, weights in enumerate(self.weights):
            reach = abs(self.bias[index]) + np.abs(weights).sum()
            step = 2 * np.pi / (2 * reach + ALIASING)
            t = np.arange(step / 2, HIGHEST_FREQUENCY, step)
            wave = np.expm1(1j * t[:, None] * weights)
            factors = 1 + q[:, None] * wave[:, None]
            product = factors.prod(2) * shares
            # The product over all other tokens, without a token's own factor.
            others = (product[:, :, None] / factors).sum(1)
            density = -1j / np.sinh(np.pi * t / 2) * np.exp(1j * t * self.bias[index])
            mean = (density @ (wave * others)).real * step
            ends = np.tanh(self.bias[index] + np.array([0.0, weights.sum()]))
            found[index] = self.height[index] * (mean + (ends[1] - ends[0] - mean.sum()) / tokens)
        return found


def fit_saturating(masks: NDArray[np.bool_], outputs: Floats) -> Saturating:
    """Return the models that fit the outputs best, with few weights that are far from zero.

    After a first fit, each weight is penalised the more the smaller it is, as in automatic relevance
    determination (MacKay 1992; Tipping 2001), since most tokens of a sequence hardly matter. Each
    sequence is fitted by itself, whatever others are in the block.

    Parameters
    ----------
    masks
        Tokens kept, (sequences, rows, tokens): none, all, then coalitions, then their complements in
        the same order.
    outputs
        The model's output on each, (sequences, rows).
    """
    kept = masks.astype(float)
    num, rows, tokens = kept.shape
    low, high = outputs.min(1), outputs.max(1)
    span = np.where(high > low, high - low, 1.0)
    target = outputs / span[:, None]
    theta = _start(kept, target)
    prior = np.zeros_like(theta)
    prior[:, 1] = theta[:, 1]
    penalty = np.full((num, tokens + NUM_PARAMETERS_BESIDE_WEIGHTS), SHRINKAGE * rows / 4)
    penalty[:, :3] = 0, ANCHOR * rows / 4, ANCHOR * rows / 4
    theta = _fit(kept, target, theta, penalty, prior)
    slopes, left = _slopes(kept, target, theta)
    error = (left**2).sum(1)[:, None]
    inverse = np.linalg.inv(_square(slopes, penalty))
    uncertainty = np.einsum("sii->si", inverse)[:, 3:] * error / max(1, rows - tokens)
    relevance = theta[:, 3:] ** 2 + uncertainty + MIN_RELEVANCE
    # Half of the weights are assumed to be free.
    penalty[:, 3:] = np.maximum(error / max(1.0, rows - tokens / 2), 1e-12) / relevance
    theta = _fit(kept, target, theta, penalty, prior)
    return Saturating(
        theta[:, 0] * span,
        theta[:, 1] * span,
        theta[:, 2],
        theta[:, 3:],
        _leverage(_slopes(kept, target, theta)[0], penalty),
    )


def _leverage(slopes: Floats, penalty: Floats) -> Floats:
    """Return the blocks of pairs in slopes (slopes' slopes + penalty)^-1 slopes'."""
    half = np.matmul(slopes, np.linalg.inv(_square(slopes, penalty)))
    pairs = (slopes.shape[1] - 2) // 2
    found = np.empty((len(slopes), pairs, 2, 2))
    parts = (slice(2, 2 + pairs), slice(2 + pairs, 2 + 2 * pairs))
    for i, own in enumerate(parts):
        for j, other in enumerate(parts):
            found[:, :, i, j] = np.einsum("srp,srp->sr", half[:, own], slopes[:, other])
    return found


def _fit(kept: Floats, target: Floats, theta: Floats, penalty: Floats, prior: Floats) -> Floats:
    """Return the parameters of least penalised error (Levenberg-Marquardt)."""
    theta = theta.copy()
    damping = np.full(len(theta), 1e-2)
    error = _error(kept, target, theta, penalty, prior)
    open_ = np.arange(len(theta))
    for _ in range(MAX_STEPS):
        here, wanted, weight = kept[open_], target[open_], penalty[open_]
        slopes, left = _slopes(here, wanted, theta[open_])
        square = _square(slopes, weight)
        gradient = np.matmul(slopes.transpose(0, 2, 1), left[:, :, None])[:, :, 0]
        gradient += weight * (theta[open_] - prior[open_])
        diagonal = np.einsum("sii->si", square)
        diagonal += damping[open_, None] * (diagonal + 1e-6)
        moved = theta[open_] - np.linalg.solve(square, gradient[:, :, None])[:, :, 0]
        found = _error(here, wanted, moved, weight, prior[open_])
        better = found < error[open_]
        converged = better & (error[open_] - found < CONVERGED * error[open_])
        theta[open_[better]] = moved[better]
        error[open_[better]] = found[better]
        damping[open_] = np.where(better, damping[open_] / 3, damping[open_] * 4).clip(1e-9)
        open_ = open_[~converged & (damping[open_] < MAX_DAMPING)]
        if not len(open_):
            break
    return theta


def _square(slopes: Floats, penalty: Floats) -> Floats:
    """Return the curvature of the penalised error / 2, (sequences, parameters, parameters)."""
    square: Floats = np.matmul(slopes.transpose(0, 2, 1), slopes)
    np.einsum("sii->si", square)[...] += penalty
    return square


def _start(kept: Floats, target: Floats) -> Floats:
    """Return where to start: a ridge regression on outputs taken back through the tanh."""
    _, rows, tokens = kept.shape
    low, high = target.min(1, keepdims=True), target.max(1, keepdims=True)
    offset, height = (low + high) / 2, np.maximum(high - low, 1e-9) / 2 * 1.05
    inside = np.arctanh(np.clip((target - offset) / height, -0.97, 0.97))
    mean, centre = inside.mean(1), kept.mean(1)
    away = kept - centre[:, None]
    square = np.matmul(away.transpose(0, 2, 1), away) + 0.0125 * rows * np.eye(tokens)
    moment = np.matmul(away.transpose(0, 2, 1), (inside - mean[:, None])[:, :, None])
    weights = np.linalg.solve(square, moment)[:, :, 0]
    bias = mean - (centre * weights).sum(1)
    return np.concatenate([offset, height, bias[:, None], weights], axis=1)


def _inside(kept: Floats, theta: Floats) -> Floats:
    return np.tanh(theta[:, 2, None] + np.matmul(kept, theta[:, 3:, None])[:, :, 0])


def _error(kept: Floats, target: Floats, theta: Floats, penalty: Floats, prior: Floats) -> Floats:
    left = theta[:, 0, None] + theta[:, 1, None] * _inside(kept, theta) - target
    error: Floats = (left**2).sum(1) + (penalty * (theta - prior) ** 2).sum(1)
    return error


def _slopes(kept: Floats, target: Floats, theta: Floats) -> tuple[Floats, Floats]:
    """Return the derivatives of the outputs by the parameters, and their distance from the target."""
    tanh = _inside(kept, theta)
    slope = theta[:, 1, None] * (1 - tanh**2)
    slopes = np.concatenate(
        [
            np.ones_like(tanh)[:, :, None],
            tanh[:, :, None],
            slope[:, :, None],
            slope[:, :, None] * kept,
        ],
        axis=2,
    )
    return slopes, theta[:, 0, None] + theta[:, 1, None] * tanh - target
