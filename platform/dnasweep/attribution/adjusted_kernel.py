"""KernelSHAP adjusted by a Gaussian process, whose Shapley values are known.

A Gaussian process over the odd interactions of tokens is fitted to the differences between coalitions and
their complements (:mod:`dnasweep.attribution.odd_process`), and its Shapley values are the estimate. If
there are very many pairs, the process is fitted to a part of them; its residuals on all other pairs are
explained by least squares as in KernelSHAP (Witter, Liu & Musco 2025). With more and more draws, values
therefore converge to the Shapley values even if the process does not fit.

Up to three evaluations per token, coalitions are evaluated without their complements, and the process is one
over all interactions (:mod:`dnasweep.attribution.coalition_process`). On five trained models this divided
the squared error by 1.1 to 2.5 at 100 evaluations (`benchmarks/shap_fidelity.py`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.attribution.block import Block, Estimates, Generators
from dnasweep.attribution.coalition_process import fit_coalition_process
from dnasweep.attribution.coalitions import (
    EXACT_EVALS,
    EXACT_EVALS_TO_STOP,
    all_fit,
    exact_shapley,
)
from dnasweep.attribution.odd_process import fit_odd_process
from dnasweep.attribution.paired_draws import (
    draw_pairs,
    kernel_weights,
    num_pairs_of,
    weights_beside,
)
from dnasweep.attribution.settings import ExplainConfig

Floats = NDArray[np.float64]

EVALS_PER_TOKEN = 5
MIN_EVALS = 250
"""Minimum number of evaluations per sequence."""
MAX_EVALS = 200_000
SINGLE_EVALS_PER_TOKEN = 3
"""Up to this many evaluations per token, coalitions are evaluated without their complements."""
MAX_PAIRS = 1000
"""Maximum number of pairs in the fit of the process; its cost grows with the cube of this number."""
MIN_PAIRS = 10
"""Minimum number of pairs for an error estimate from their spread."""


class Draws(NamedTuple):
    """Pairs of coalitions and the model's outputs."""

    coalitions: NDArray[np.bool_]
    """One of each pair, all different, (pairs, tokens)."""
    outputs: Floats
    """Outputs on each coalition and on its complement, (pairs, 2)."""
    ends: Floats
    """Outputs on the empty and the full coalition, (2,)."""

    @property
    def num_evals(self) -> int:
        """Number of evaluations spent."""
        return 2 + 2 * len(self.coalitions)

    def and_more(self, other: Draws) -> Draws:
        """Return these draws together with other draws of the same sequence."""
        return Draws(
            np.concatenate([self.coalitions, other.coalitions]),
            np.concatenate([self.outputs, other.outputs]),
            self.ends,
        )


def adjusted_values(draws: Draws) -> tuple[Floats, Floats]:
    """Return values, which sum to the difference between the ends, and standard errors, (tokens,) each.

    Errors are nan for fewer than `MIN_PAIRS` pairs.

    Parameters
    ----------
    draws
        Draws of one sequence, in random order.
    """
    span = float(draws.ends[1] - draws.ends[0])
    differences = (draws.outputs[:, 0] - draws.outputs[:, 1]) / 2
    fitted, others = slice(MAX_PAIRS), slice(MAX_PAIRS, None)
    part, rest = draws.coalitions[fitted], draws.coalitions[others]
    process = fit_odd_process(part, differences[fitted], span, kernel_weights(part))
    phi, error = process.shapley()
    if len(rest):
        left = differences - process.differences(draws.coalitions)
        more, error = _least_squares(part, rest, left, error)
        phi += more
    if len(draws.coalitions) < MIN_PAIRS:
        error = np.full_like(error, np.nan)
    return phi, error


def _least_squares(
    fitted: NDArray[np.bool_], others: NDArray[np.bool_], left: Floats, error: Floats
) -> tuple[Floats, Floats]:
    """Return the Shapley values of the residuals, which sum to 0, and the errors of the total values.

    The errors so far serve as the prior of the values of the residuals.

    Parameters
    ----------
    fitted, others
        Pairs that the values so far were fitted to, and the other pairs, (pairs, tokens) each.
    left
        Residuals: observed minus expected half-differences, (pairs,).
    error
        Standard errors of the values so far, (tokens,).
    """
    own, more, unseen = weights_beside(fitted, others)
    weights = np.concatenate([own, more])
    signs = np.concatenate([fitted, others]) - 0.5
    spread = unseen * (more * left[len(fitted) :]) ** 2
    # If all pairs have been drawn, there is no noise, and only least squares counts.
    noise = max(float(spread.mean()), 1e-12 * float(np.mean(left**2)))
    known = noise / np.maximum(error, 1e-6 * (float(error.max()) or 1.0)) ** 2
    precision = (signs * weights[:, None]).T @ signs + np.diag(known)
    inverse = np.linalg.pinv(precision, hermitian=True)
    # Constrain the values to sum to 0.
    shared = inverse.sum(1)
    inverse -= np.outer(shared, shared) / shared.sum()
    found = inverse @ (signs.T @ (weights * left))
    apart = signs[len(fitted) :]
    variance = (apart * spread[:, None]).T @ apart + np.diag(noise * known)
    return found, np.sqrt(np.clip(np.diag(inverse @ variance @ inverse), 0, None))


def adjusted_kernel(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    """Draw until each sequence reaches its number of evaluations or its standard error.

    Parameters
    ----------
    block, config, generators
        Arguments of every estimator, see :mod:`dnasweep.attribution.estimators`.
    """
    tokens, number = block.num_tokens, block.num_sequences
    few = EXACT_EVALS if config.standard_error is None else EXACT_EVALS_TO_STOP
    if all_fit(tokens, config.max_evals or few):
        return exact_shapley(block)
    usual = max(MIN_EVALS, EVALS_PER_TOKEN * tokens)
    limit = config.max_evals or (usual if config.standard_error is None else MAX_EVALS)
    if limit <= SINGLE_EVALS_PER_TOKEN * tokens and limit - 2 <= min(
        MAX_PAIRS, num_pairs_of(tokens)
    ):
        return _from_few(block, limit, generators)
    # A pair costs two evaluations: the last of an odd number cannot be spent.
    limit -= limit % 2
    budget = limit if config.standard_error is None else min(limit, usual)
    open_ = np.arange(number)
    draws: list[Draws] = _draw(block, open_, [None] * number, budget, generators)
    estimates = [adjusted_values(one) for one in draws]
    while config.standard_error is not None:
        open_ = np.array([i for i in open_ if not estimates[i][1].mean() <= config.standard_error])
        if not len(open_) or budget == limit:
            break
        budget = min(limit, 2 * budget)
        if all_fit(tokens, budget):
            return _exact_where_open(block, draws, estimates, open_)
        more = _draw(block, open_, [draws[i] for i in open_], budget, generators)
        for i, drawn in zip(open_, more, strict=True):
            draws[i] = drawn
            estimates[i] = adjusted_values(drawn)
    return _as_estimates(draws, estimates)


def _from_few(block: Block, budget: int, generators: Generators) -> Estimates:
    """Return estimates from coalitions without their complements."""
    tokens, number = block.num_tokens, block.num_sequences
    ends = np.array([np.zeros(tokens, bool), np.ones(tokens, bool)])
    drawn = [draw_pairs(tokens, budget - 2, generators[i]) for i in range(number)]
    for coalitions in drawn:
        # Of each pair only one is evaluated, the larger one half of the time.
        coalitions[1::2] ^= True
    masks = [np.concatenate([ends, coalitions]) for coalitions in drawn]
    outputs = block.values_of_each(np.arange(number), masks)
    found = [
        fit_coalition_process(coalitions, own[2:], own[:2]).shapley()
        for coalitions, own in zip(drawn, outputs, strict=True)
    ]
    error = np.stack([error for _, error in found])
    return Estimates(
        np.stack([phi for phi, _ in found]),
        standard_error=error if budget - 2 >= 2 * MIN_PAIRS else np.full_like(error, np.nan),
        prediction=np.array([own[1] for own in outputs]),
        base_value=np.array([own[0] for own in outputs]),
        num_evals=np.full(number, budget),
    )


def _draw(
    block: Block,
    sequences: NDArray[np.int64],
    before: list[Draws] | list[None],
    budget: int,
    generators: Generators,
) -> list[Draws]:
    """Return earlier draws of sequences, extended to a number of evaluations."""
    tokens = block.num_tokens
    ends = np.array([np.zeros(tokens, bool), np.ones(tokens, bool)])
    asked, masks = [], []
    for i, known in zip(sequences, before, strict=True):
        seen = None if known is None else known.coalitions
        pairs = (budget - 2) // 2 - (0 if seen is None else len(seen))
        asked.append(draw_pairs(tokens, pairs, generators[int(i)], seen=seen))
        parts = [asked[-1], ~asked[-1]]
        masks.append(np.concatenate(parts if known else [ends, *parts]))
    found = []
    values = block.values_of_each(sequences, masks)
    for known, coalitions, outputs in zip(before, asked, values, strict=True):
        own = outputs[:2] if known is None else known.ends
        by_pair = outputs[-2 * len(coalitions) :].reshape(2, -1).T
        new = Draws(coalitions, by_pair, own)
        found.append(new if known is None else known.and_more(new))
    return found


def _as_estimates(draws: list[Draws], estimates: list[tuple[Floats, Floats]]) -> Estimates:
    return Estimates(
        np.stack([phi for phi, _ in estimates]),
        standard_error=np.stack([error for _, error in estimates]),
        prediction=np.array([one.ends[1] for one in draws]),
        base_value=np.array([one.ends[0] for one in draws]),
        num_evals=np.array([one.num_evals for one in draws]),
    )


def _exact_where_open(
    block: Block,
    draws: list[Draws],
    estimates: list[tuple[Floats, Floats]],
    open_: NDArray[np.int64],
) -> Estimates:
    """Return the estimates, replaced by exact values for sequences with too large an error."""
    found, exact = _as_estimates(draws, estimates), exact_shapley(block, open_)
    for name in ("phi", "standard_error", "prediction", "base_value", "num_evals"):
        getattr(found, name)[open_] = getattr(exact, name)
    return found
