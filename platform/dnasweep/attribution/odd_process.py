"""A Gaussian process over odd functions of coalitions, whose Shapley values have a closed form.

Written as signs, +1 for tokens kept, any function of coalitions is a sum over sets T of tokens of a
coefficient times the product of the signs in T. Shapley values depend only on the sets of odd size, and
divide the coefficient of each equally among its tokens (Fumagalli et al. 2026, OddSHAP). Instead of
selecting a few sets, all sets of 1, 3 and 5 tokens have a prior: the coefficient of T is normal with a
variance proportional to the product of the relevances of its tokens. Relevances maximise the posterior
density (automatic relevance determination, MacKay 1992), which concentrates interactions on the tokens that
matter. By Newton's identities, the covariance of two coalitions is a polynomial in sums over tokens, so sets
are never enumerated.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.optimize import minimize

Floats = NDArray[np.float64]

SHARES = (0.3, 0.5, 0.2, 0.1)
"""Prior medians of the variance of sets of 1, 3 and 5 tokens and of the noise, in units of the mean
square of the differences, for relevances that sum to 1."""
TIGHT, LOOSE = 0.5, 0.04
"""Precision of the prior of the logarithm of a relevance, and of a share."""
FIRST_PAIRS, FIRST_STEPS = 200, 15
"""Relevances are first fitted to this many pairs, in this many steps."""
MORE_PAIRS, MORE_STEPS = 500, 4
"""If there are more pairs, relevances are refined on this many, in this many steps. Values use all pairs."""
JITTER = 1e-6
ROUNDING = 1e-8
"""Minimum posterior variance as a fraction of the prior variance, because of rounding."""
ROWS_AT_ONCE = 32
DOUBT = 2.0
"""Squared errors grow by this for each parameter per pair, since these are fitted to the same pairs. With it, intervals cover 94 to 98 % on five trained models (`benchmarks/shap_fidelity.py`)."""


class OddProcess(NamedTuple):
    """A process fitted to differences between coalitions and their complements."""

    signs: Floats
    """+1 for tokens kept, (pairs + 1, tokens); row 0 is the full coalition."""
    relevance: Floats
    """Relevance of each token, (tokens,)."""
    shares: Floats
    """Variances of sets of 1, 3 and 5 tokens, and of the noise, (4,)."""
    scale: float
    """Root mean square of the differences."""
    noise: Floats
    """Inverse weight of each pair, 0 for the full coalition, (pairs + 1,)."""
    inverse: Floats
    """Inverse of the covariance of all pairs, (pairs + 1, pairs + 1)."""
    answer: Floats
    """Inverse covariance times the differences, (pairs + 1,)."""
    span: float
    """Output on the full coalition minus that on the empty one."""

    def differences(self, coalitions: NDArray[np.bool_]) -> Floats:
        """Return the expected half-differences between coalitions and their complements, (pairs,)."""
        found = np.empty(len(coalitions))
        for rows in row_parts(len(coalitions)):
            others = np.where(coalitions[rows], 1.0, -1.0)
            covariance = _covariance(others, self.signs, self.relevance, self.shares)
            found[rows] = covariance @ self.answer
        return found * self.scale

    def shapley(self) -> tuple[Floats, Floats]:
        """Return Shapley values, which sum to the span, and their standard errors, each (tokens,).

        Errors are posterior standard deviations, multiplied by the root mean square of the standardised
        leave-one-out errors of the process (Sundararajan & Keerthi 2001), and increased further if there
        are few pairs per token.
        """
        tokens = len(self.relevance)
        single, triple, quintuple, noise = self.shares
        pairs, quadruples = sums_without_each(self.signs * self.relevance)
        covariance = 2 * self.signs * self.relevance
        covariance *= single + triple / 3 * pairs + quintuple / 5 * quadruples
        phi = covariance.T @ self.answer
        pairs, quadruples = sums_without_each(self.relevance[None])
        prior = 4 * self.relevance * (single + triple / 9 * pairs + quintuple / 25 * quadruples)[0]
        gain = self.inverse @ covariance
        variance = prior - (gain * covariance).sum(0)
        # Weights make the values converge; the noise itself is about the same for all pairs.
        variance += np.clip(noise * (1 - self.noise[1:]) @ gain[1:] ** 2, 0, None)
        missed = np.mean((self.answer**2 / np.diag(self.inverse))[1:])
        missed *= 1 + DOUBT * (tokens + len(SHARES)) / (len(self.signs) - 1)
        phi *= self.scale
        return (
            phi + (self.span - phi.sum()) / tokens,
            self.scale * np.sqrt(missed * np.maximum(variance, ROUNDING * prior)),
        )


def fit_odd_process(
    coalitions: NDArray[np.bool_], differences: Floats, span: float, weights: Floats
) -> OddProcess:
    """Return the process fitted to pairs of coalitions.

    Parameters
    ----------
    coalitions
        One coalition of each pair, shape (pairs, tokens).
    differences
        Half the difference between the outputs on the coalition and on its complement, (pairs,).
    span
        Output on the full coalition minus that on the empty one; it is fitted exactly.
    weights
        Inverse of the noise of each pair, relative to the mean, (pairs,).
    """
    scale = float(np.sqrt(np.mean(np.append(differences, span / 2) ** 2))) or 1.0
    tokens = coalitions.shape[1]
    data = _Data(
        np.concatenate([np.ones((1, tokens)), 2.0 * coalitions - 1]),
        np.append(span / 2, differences) / scale,
        np.append(0.0, 1 / weights),
    )
    start = np.log(np.append(np.full(tokens, 1 / tokens), SHARES))
    limits = [(x - 5, x + 5) for x in start[:tokens]] + [(-12.0, 5.0)] * len(SHARES)
    found = start
    for pairs, steps in ((FIRST_PAIRS, FIRST_STEPS), (MORE_PAIRS, MORE_STEPS)):
        if pairs == MORE_PAIRS and len(coalitions) <= FIRST_PAIRS:
            break
        found = minimize(
            _loss,
            found,
            (start, _Data(*(part[: pairs + 1] for part in data))),
            method="L-BFGS-B",
            jac=True,
            bounds=limits,
            options={"maxiter": steps},
        ).x
    relevance, shares = np.exp(found[:tokens]), np.exp(found[tokens:])
    covariance = _covariance(data.signs, data.signs, relevance, shares)
    inverse = inverted(_with_noise(covariance, shares[3], data.noise))[0]
    answer = inverse @ data.values
    return OddProcess(
        data.signs, relevance, shares, scale, data.noise, inverse, answer, float(span)
    )


class _Data(NamedTuple):
    signs: Floats
    values: Floats
    noise: Floats


def elementary_sums(
    signs: Floats, others: Floats, relevance: Floats, *, orders: Literal[4, 5] = 5
) -> tuple[Floats, ...]:
    """Return the elementary symmetric polynomials of orders 1 to 4 or 5, each (rows, others).

    Their variables are, per token, the product of the signs of two coalitions and the relevance.

    Parameters
    ----------
    signs, others
        +1 for tokens kept and -1 for others, shapes (rows, tokens) and (others, tokens).
    relevance
        Relevance of each token, (tokens,).
    orders
        The highest order.
    """
    one, third = ((signs * relevance**k) @ others.T for k in (1, 3))
    # Products of signs are +1 or -1, so even powers are the same for all pairs.
    square, fourth = (relevance**2).sum(), (relevance**4).sum()
    two = (one**2 - square) / 2
    three = (two * one - one * square + third) / 3
    four = (three * one - two * square + one * third - fourth) / 4
    if orders == 4:
        return one, two, three, four
    fifth = (signs * relevance**5) @ others.T
    five = (four * one - three * square + two * third - one * fourth + fifth) / 5
    return one, two, three, four, five


def _covariance(signs: Floats, others: Floats, relevance: Floats, shares: Floats) -> Floats:
    """Return the covariance of pairs, (rows, others)."""
    found = np.empty((len(signs), len(others)))
    for rows in row_parts(len(signs)):
        one, _, three, _, five = elementary_sums(signs[rows], others, relevance)
        found[rows] = shares[0] * one + shares[1] * three + shares[2] * five
    return found


def row_parts(number: int) -> list[slice]:
    """Return slices of rows that are computed together: few enough to stay in a core's cache."""
    return [slice(i, i + ROWS_AT_ONCE) for i in range(0, number, ROWS_AT_ONCE)]


def _with_noise(covariance: Floats, share: float, noise: Floats) -> Floats:
    diagonal = np.einsum("ii->i", covariance)
    diagonal += share * noise + JITTER * (1 + diagonal[0])
    return covariance


def inverted(matrix: Floats) -> tuple[Floats, float]:
    """Return the inverse of a positive definite matrix, overwritten, and half its log determinant."""
    factor, failed = lapack.dpotrf(matrix, lower=1, overwrite_a=1)
    if failed:
        raise np.linalg.LinAlgError
    half = float(np.log(np.diag(factor)).sum())
    inverse = np.tril(lapack.dpotri(factor, lower=1, overwrite_c=1)[0])
    inverse += np.tril(inverse, -1).T
    return inverse, half


def _loss(found: Floats, start: Floats, data: _Data) -> tuple[float, Floats]:
    """Return the negative logarithm of the posterior density of relevances and shares, and its gradient."""
    signs, values, noise = data
    tokens = signs.shape[1]
    relevance, shares = np.exp(found[:tokens]), np.exp(found[tokens:])
    covariance = _covariance(signs, signs, relevance, shares)
    try:
        slope, half = inverted(_with_noise(covariance, shares[3], noise))
    except np.linalg.LinAlgError:
        return 1e10, np.zeros(len(found))
    answer = slope @ values
    loss = values @ answer / 2 + half
    # Gradient of the loss with respect to the covariance, times two.
    slope -= np.outer(answer, answer)

    by_share = np.zeros(3)
    plain, second, fourth = (np.zeros(tokens) for _ in range(3))
    for rows in row_parts(len(signs)):
        one, two, three, four, five = elementary_sums(signs[rows], signs, relevance)
        part, own = slope[rows], signs[rows]
        by_share += [np.vdot(part, order) for order in (one, three, five)]
        plain += ((part @ signs) * own).sum(0)
        second += (((part * two) @ signs) * own).sum(0)
        fourth += (((part * four) @ signs) * own).sum(0)
    # Derivative of a polynomial by a token's product: the polynomial of one order less over all others.
    by_three = second - relevance * by_share[0] + relevance**2 * plain
    by_five = fourth - relevance * by_share[1] + relevance**2 * by_three
    by_token = shares[0] * plain + shares[1] * by_three + shares[2] * by_five
    slopes = np.append(by_token * relevance, shares * [*by_share, np.diag(slope) @ noise]) / 2
    precision = np.append(np.full(tokens, TIGHT), np.full(len(SHARES), LOOSE))
    away = found - start
    return float(loss + precision @ away**2 / 2), slopes + precision * away


def sums_without_each(products: Floats) -> tuple[Floats, Floats]:
    """Return, for each token, the elementary symmetric polynomials of orders 2 and 4 over all others.

    Parameters
    ----------
    products
        (rows, tokens).
    """
    powers = [(products**k).sum(1, keepdims=True) for k in range(5)]
    whole = [np.ones((len(products), 1))]
    for order in range(1, 5):
        terms = [(-1) ** (k - 1) * whole[order - k] * powers[k] for k in range(1, order + 1)]
        whole.append(np.sum(terms, axis=0) / order)
    others = [np.ones_like(products)]
    for order in range(1, 5):
        others.append(whole[order] - products * others[-1])
    return others[2], others[4]
