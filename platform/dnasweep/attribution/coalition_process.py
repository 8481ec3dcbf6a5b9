"""A Gaussian process over all functions of coalitions, for Shapley values from few evaluations.

Shapley values depend only on differences between coalitions and their complements, and only on sets of an odd
number of tokens (:mod:`dnasweep.attribution.odd_process`). Each difference costs two evaluations, however. If
there are fewer than about three evaluations per token, it is better to evaluate each coalition alone, although
its output also depends on sets of an even number of tokens: the same evaluations then give twice as many
equations for the odd sets, and the even sets, most of which are small, are estimated beside them. As in that
module, the coefficients of all sets of 0 to 4 tokens have a normal prior with a variance proportional to the
product of the relevances of their tokens, and relevances maximise the posterior density.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from dnasweep.attribution.odd_process import (
    JITTER,
    LOOSE,
    ROUNDING,
    TIGHT,
    elementary_sums,
    inverted,
    row_parts,
    sums_without_each,
)

Floats = NDArray[np.float64]

SHARES = (0.2, 0.3, 0.3, 0.3, 0.2, 0.05)
"""Prior medians of the variance of sets of 0 to 4 tokens and of the noise, in units of the mean square of the
outputs about the mean of both ends, for relevances that sum to 1."""
FITTED, STEPS = 400, 15
"""Relevances are fitted to this many coalitions, in this many steps. Values use all coalitions."""
NOISE = len(SHARES) - 1
DOUBT = 4.0
"""Squared errors grow by this for each parameter per coalition, since these are fitted to the same outputs.
With it, intervals cover 94 to 99 % on five trained models (`benchmarks/shap_fidelity.py`)."""


class CoalitionProcess(NamedTuple):
    """A process fitted to outputs on coalitions."""

    signs: Floats
    """+1 for tokens kept and -1 for others, (coalitions + 2, tokens); the first rows are the empty and the full
    coalition."""
    relevance: Floats
    """Relevance of each token, (tokens,)."""
    shares: Floats
    """Variances of sets of 0 to 4 tokens, and of the noise, (6,)."""
    scale: float
    """Root mean square of the outputs about the mean of both ends."""
    inverse: Floats
    """Inverse of the covariance of all rows, (coalitions + 2, coalitions + 2)."""
    answer: Floats
    """Inverse covariance times the outputs, (coalitions + 2,)."""
    span: float
    """Output on the full coalition minus that on the empty one."""

    def shapley(self) -> tuple[Floats, Floats]:
        """Return Shapley values, which sum to the span, and their standard errors, each (tokens,).

        Errors are computed as by :meth:`dnasweep.attribution.odd_process.OddProcess.shapley`.
        """
        tokens = len(self.relevance)
        single, triple = self.shares[1], self.shares[3]
        pairs, _ = sums_without_each(self.signs * self.relevance)
        covariance = 2 * self.signs * self.relevance * (single + triple / 3 * pairs)
        pairs, _ = sums_without_each(self.relevance[None])
        prior = 4 * self.relevance * (single + triple / 9 * pairs)[0]
        variance = prior - ((self.inverse @ covariance) * covariance).sum(0)
        missed = np.mean((self.answer**2 / np.diag(self.inverse))[2:])
        missed *= 1 + DOUBT * (tokens + len(SHARES)) / (len(self.signs) - 2)
        phi = covariance.T @ self.answer * self.scale
        return (
            phi + (self.span - phi.sum()) / tokens,
            self.scale * np.sqrt(missed * np.maximum(variance, ROUNDING * prior)),
        )


def fit_coalition_process(
    coalitions: NDArray[np.bool_], outputs: Floats, ends: Floats
) -> CoalitionProcess:
    """Return the process fitted to coalitions.

    Parameters
    ----------
    coalitions
        Coalitions other than the empty and the full one, in random order, (coalitions, tokens).
    outputs
        Outputs on them, (coalitions,).
    ends
        Outputs on the empty and the full coalition, (2,), which are fitted exactly.
    """
    values = np.append(ends, outputs) - ends.mean()
    scale = float(np.sqrt(np.mean(values**2))) or 1.0
    tokens = coalitions.shape[1]
    rows = np.concatenate([np.zeros((1, tokens)), np.ones((1, tokens)), coalitions])
    data = _Data(2.0 * rows - 1, values / scale)
    start = np.log(np.append(np.full(tokens, 1 / tokens), SHARES))
    found = minimize(
        _loss,
        start,
        (start, _Data(*(part[: FITTED + 2] for part in data))),
        method="L-BFGS-B",
        jac=True,
        bounds=[(x - 5, x + 5) for x in start[:tokens]] + [(-12.0, 5.0)] * len(SHARES),
        options={"maxiter": STEPS},
    ).x
    relevance, shares = np.exp(found[:tokens]), np.exp(found[tokens:])
    inverse = inverted(_covariance(data.signs, relevance, shares))[0]
    answer = inverse @ data.values
    span = float(ends[1] - ends[0])
    return CoalitionProcess(data.signs, relevance, shares, scale, inverse, answer, span)


class _Data(NamedTuple):
    signs: Floats
    values: Floats


def _covariance(signs: Floats, relevance: Floats, shares: Floats) -> Floats:
    """Return the covariance of all rows with the noise, which the ends do not have."""
    found = np.empty((len(signs), len(signs)))
    for rows in row_parts(len(signs)):
        one, two, three, four = elementary_sums(signs[rows], signs, relevance, orders=4)
        found[rows] = (
            shares[0] + shares[1] * one + shares[2] * two + shares[3] * three + shares[4] * four
        )
    diagonal = np.einsum("ii->i", found)
    diagonal += JITTER * (1 + diagonal[0])
    diagonal[2:] += shares[NOISE]
    return found


def _loss(found: Floats, start: Floats, data: _Data) -> tuple[float, Floats]:
    """Return the negative logarithm of the posterior density of relevances and shares, and its gradient."""
    signs, values = data
    tokens = signs.shape[1]
    relevance, shares = np.exp(found[:tokens]), np.exp(found[tokens:])
    try:
        slope, half = inverted(_covariance(signs, relevance, shares))
    except np.linalg.LinAlgError:
        return 1e10, np.zeros(len(found))
    answer = slope @ values
    loss = values @ answer / 2 + half
    # Gradient of the loss with respect to the covariance, times two.
    slope -= np.outer(answer, answer)

    by_share = np.zeros(NOISE)
    own = np.zeros((4, tokens))
    for rows in row_parts(len(signs)):
        sums = elementary_sums(signs[rows], signs, relevance, orders=4)
        orders = [np.ones_like(sums[0]), *sums]
        by_share += [np.vdot(slope[rows], one) for one in orders]
        for order in range(4):
            own[order] += (((slope[rows] * orders[order]) @ signs) * signs[rows]).sum(0)
    # Derivative of a polynomial by a token's product: the polynomial of one order less over all others. Sums
    # over the others with the token's signs (`by`) and without them (`free`) follow from one another.
    by: list[Floats] = [own[0]]
    free: list[Floats | float] = [by_share[0]]
    for order in range(1, 4):
        by.append(own[order] - relevance * free[-1])
        free.append(by_share[order] - relevance * by[-2])
    by_token = sum(
        (share * one for share, one in zip(shares[1:NOISE], by, strict=True)), np.zeros(tokens)
    )
    by_noise = np.diag(slope)[2:].sum()
    slopes = np.append(by_token * relevance, shares * [*by_share, by_noise]) / 2
    precision = np.append(np.full(tokens, TIGHT), np.full(len(SHARES), LOOSE))
    away = found - start
    return float(loss + precision @ away**2 / 2), slopes + precision * away
