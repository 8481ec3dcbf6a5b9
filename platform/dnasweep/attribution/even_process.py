"""A Gaussian process over even functions of coalitions, whose pair interactions have a closed form.

Written as signs, +1 for tokens kept, any function of coalitions is a sum over sets T of tokens of a
coefficient c(T) times the product of the signs in T. The Shapley interaction index of tokens i and j
(Grabisch & Roubens 1999) then is

    I(i, j) = 4 * sum over T with i and j, of even size, of c(T) / (|T| - 1),

since the sizes of coalitions without i and j are all equally likely, and the mean of a product of m signs is
1 / (m + 1) for even m and 0 for odd. Only the half-sums of a coalition and its complement matter, just as
only half-differences matter for Shapley values (:mod:`dnasweep.attribution.odd_process`). As in that module,
the coefficients of all sets of 0, 2 and 4 tokens have a normal prior with a variance proportional to the
product of the relevances of their tokens, and relevances maximise the posterior density.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from dnasweep.attribution.odd_process import (
    DOUBT,
    JITTER,
    LOOSE,
    ROUNDING,
    TIGHT,
    elementary_sums,
    inverted,
)

Floats = NDArray[np.float64]

SHARES = (0.5, 0.7, 0.2, 0.1)
"""Prior medians of the variance of sets of 0, 2 and 4 tokens and of the noise, in units of the mean square
of the half-sums about their mean, for relevances that sum to 1."""
FITTED_PAIRS, STEPS = 300, 30
"""Relevances are fitted to this many pairs, in this many steps. Interactions use all pairs."""


class EvenProcess(NamedTuple):
    """A process fitted to half-sums of coalitions and their complements."""

    signs: Floats
    """+1 for tokens kept, (pairs + 1, tokens); row 0 is the full coalition."""
    relevance: Floats
    """Relevance of each token, (tokens,)."""
    shares: Floats
    """Variances of sets of 0, 2 and 4 tokens, and of the noise, (4,)."""
    scale: float
    """Root mean square of the half-sums about their mean."""
    inverse: Floats
    """Inverse of the covariance of all rows, (pairs + 1, pairs + 1)."""
    answer: Floats
    """Inverse covariance times the half-sums, (pairs + 1,)."""

    def interactions(self) -> Floats:
        """Return the interaction of every pair, (tokens, tokens), symmetric; 0 on the diagonal."""
        _, pair, four, _ = self.shares
        relevance, products = self.relevance, self.signs * self.relevance
        weight = self.answer[:, None]
        first = products.sum(1)
        second = (first**2 - (relevance**2).sum()) / 2
        plain = self.signs.T @ (weight * self.signs)
        # Elementary symmetric polynomials of order 2 over all tokens except i and j, summed over rows.
        by_first = self.signs.T @ (self.answer * first)
        crossed = np.outer(relevance, by_first)
        squares = relevance[:, None] ** 2 + relevance**2
        without = (
            self.signs.T @ (weight * second[:, None] * self.signs)
            - (crossed + crossed.T)
            + squares * plain
            + np.outer(relevance, relevance) * self.answer.sum()
        )
        found = (
            4 * self.scale * np.outer(relevance, relevance) * (pair * plain + four / 3 * without)
        )
        np.fill_diagonal(found, 0)
        return found

    def errors(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> Floats:
        """Return the standard errors of the interactions of some pairs, (pairs,).

        They are posterior standard deviations, multiplied by the root mean square of the standardised
        leave-one-out errors of the process (Sundararajan & Keerthi 2001), and increased further if there
        are few rows per token.

        Parameters
        ----------
        first, second
            Tokens of the pairs, (pairs,) each.
        """
        _, pair, four, _ = self.shares

        def part(products: Floats, signs: Floats, order: float) -> Floats:
            total = products.sum(1, keepdims=True)
            square = (total**2 - (products**2).sum(1, keepdims=True)) / 2
            a, b = products[:, first], products[:, second]
            others = square - (a + b) * (total - a - b) - a * b
            each = self.relevance[first] * self.relevance[second]
            return each * signs[:, first] * signs[:, second] * (pair + four / order * others)

        covariance = 4 * part(self.signs * self.relevance, self.signs, 3)
        ones = np.ones((1, len(self.relevance)))
        prior = 16 * part(self.relevance[None], ones, 9)[0]
        variance = prior - np.einsum("rp,rp->p", covariance, self.inverse @ covariance)
        missed = np.mean((self.answer**2 / np.diag(self.inverse))[1:])
        parameters = len(self.relevance) + len(SHARES)
        missed *= 1 + DOUBT * parameters / (len(self.signs) - 1)
        return self.scale * np.sqrt(missed * np.maximum(variance, ROUNDING * prior))


def fit_even_process(coalitions: NDArray[np.bool_], sums: Floats, ends: float) -> EvenProcess:
    """Return the process fitted to pairs of coalitions.

    Parameters
    ----------
    coalitions
        One coalition of each pair, shape (pairs, tokens).
    sums
        Half the sum of the outputs on the coalition and on its complement, (pairs,).
    ends
        The same for the full and the empty coalition.
    """
    tokens = coalitions.shape[1]
    signs = np.concatenate([np.ones((1, tokens)), 2.0 * coalitions - 1])
    values = np.append(ends, sums)
    values = values - values.mean()
    scale = float(np.sqrt(np.mean(values**2))) or 1.0
    values = values / scale
    start = np.log(np.append(np.full(tokens, 1 / tokens), SHARES))
    limits = [(x - 5, x + 5) for x in start[:tokens]] + [(-12.0, 5.0)] * len(SHARES)
    found = minimize(
        _loss,
        start,
        (start, signs[: FITTED_PAIRS + 1], values[: FITTED_PAIRS + 1]),
        method="L-BFGS-B",
        jac=True,
        bounds=limits,
        options={"maxiter": STEPS},
    ).x
    relevance, shares = np.exp(found[:tokens]), np.exp(found[tokens:])
    orders = elementary_sums(signs, signs, relevance, orders=4)
    inverse, _ = inverted(_covariance(orders, shares))
    return EvenProcess(signs, relevance, shares, scale, inverse, inverse @ values)


def _covariance(orders: tuple[Floats, ...], shares: Floats) -> Floats:
    _, two, _, four = orders
    found = shares[0] + shares[1] * two + shares[2] * four
    diagonal = np.einsum("ii->i", found)
    scale = 1 + diagonal[0]
    # The full coalition is fitted exactly.
    diagonal[1:] += shares[3]
    diagonal += JITTER * scale
    return found


def _loss(found: Floats, start: Floats, signs: Floats, values: Floats) -> tuple[float, Floats]:
    """Return the negative logarithm of the posterior density of relevances and shares, and its gradient."""
    tokens = signs.shape[1]
    relevance, shares = np.exp(found[:tokens]), np.exp(found[tokens:])
    orders = elementary_sums(signs, signs, relevance, orders=4)
    try:
        slope, half = inverted(_covariance(orders, shares))
    except np.linalg.LinAlgError:
        return 1e10, np.zeros(len(found))
    answer = slope @ values
    loss = values @ answer / 2 + half
    # Gradient of the loss with respect to the covariance, times two.
    slope -= np.outer(answer, answer)
    one, two, three, four = orders
    by_order = [slope.sum(), np.vdot(slope, two), np.vdot(slope, four)]
    first, third = ((((slope * order) @ signs) * signs).sum(0) for order in (one, three))
    # Derivative of a polynomial by a token's product: the polynomial of one order less over all others.
    by_two = first - relevance * by_order[0]
    by_four = third - relevance * by_order[1] + relevance**2 * by_two
    by_token = shares[1] * by_two + shares[2] * by_four
    by_share = [*by_order, np.trace(slope) - slope[0, 0]]
    slopes = np.append(by_token * relevance, shares * by_share) / 2
    precision = np.append(np.full(tokens, TIGHT), np.full(len(SHARES), LOOSE))
    away = found - start
    return float(loss + precision @ away**2 / 2), slopes + precision * away
