"""Shapley values from antithetic permutations: walks from no token to all tokens and back.

A permutation adds the tokens one by one; each token is credited with the change of output when it is added.
Each permutation is also used in reverse order: the pair costs 2 (tokens - 1) evaluations in addition to the
two ends, and the errors of the two largely cancel (Castro et al. 2009; Mitchell et al. 2022).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dnasweep.attribution.block import ROWS_AT_ONCE, Block, Estimates, Generators
from dnasweep.attribution.budgets import pairs_within
from dnasweep.attribution.coalitions import (
    EMPTY,
    EXACT_EVALS_TO_STOP,
    FULL,
    MaskPlan,
    all_fit,
    exact_shapley,
    plan_of_differences,
)
from dnasweep.attribution.intervals import widening
from dnasweep.attribution.settings import ExplainConfig

DEFAULT_PAIRS = 2
MAX_PAIRS = 10_000
MIN_PAIRS = 10
"""Minimum number of pairs of permutations for an error estimate from their spread."""


def permutation_plan(num_tokens: int, num_pairs: int, rng: np.random.Generator) -> MaskPlan:
    """Return the plan of `num_pairs` antithetic pairs, one replicate each.

    Parameters
    ----------
    num_tokens
        Number of tokens in the sequence, without special tokens.
    num_pairs
        Number of permutations, each used in both directions.
    rng
        Random generator for the permutations.
    """
    orders = np.argsort(rng.random((num_pairs, num_tokens)), axis=1)
    ranks = np.argsort(orders, axis=1)
    # Tokens kept after s additions, for both directions: (pairs, 2, tokens + 1, tokens).
    arrival = np.stack([ranks, num_tokens - 1 - ranks], axis=1)
    kept = arrival[:, :, None, :] < np.arange(num_tokens + 1)[:, None]
    walk = np.arange(num_pairs * 2).reshape(num_pairs, 2, 1) * (num_tokens + 1)
    before = (walk + arrival).reshape(-1)
    replicate = np.arange(num_pairs)[:, None, None] * num_tokens
    sums = np.broadcast_to(replicate + np.arange(num_tokens), arrival.shape).reshape(-1)
    return plan_of_differences(
        kept.reshape(-1, num_tokens),
        np.stack([before + 1, before], axis=1),
        np.full(len(before), 0.5),
        sums,
        num_pairs,
    )


def permutation(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    """Draw pairs until each sequence reaches its number of pairs or its standard error.

    The standard error is checked after `MIN_PAIRS` pairs and whenever the number of pairs has doubled.

    Parameters
    ----------
    block, config, generators
        Arguments of every estimator, see :mod:`dnasweep.attribution.estimators`.
    """
    tokens = block.num_tokens
    usual = 2 + 2 * (tokens - 1) * DEFAULT_PAIRS
    budget = config.max_evals or (usual if config.standard_error is None else EXACT_EVALS_TO_STOP)
    if all_fit(tokens, budget):
        return exact_shapley(block)
    if config.max_evals is not None:
        limit = pairs_within(tokens, config.max_evals)
    else:
        limit = DEFAULT_PAIRS if config.standard_error is None else MAX_PAIRS
    shape = (block.num_sequences, tokens)
    total, squares = np.zeros(shape), np.zeros(shape)
    prediction, base_value = np.zeros(shape[0]), np.zeros(shape[0])
    evals = np.zeros(shape[0], np.int64)
    pairs = np.zeros(shape[0], np.int64)
    open_, done = np.arange(shape[0]), 0
    next_check = limit if config.standard_error is None else min(limit, MIN_PAIRS)
    while len(open_):
        num = min(next_check - done, max(1, ROWS_AT_ONCE // (2 * tokens * len(open_))))
        plans = [permutation_plan(tokens, num, generators[int(i)]) for i in open_]
        answers = block.values_of_each(open_, [plan.masks for plan in plans])
        for i, plan, outputs in zip(open_, plans, answers, strict=True):
            found = plan.replicates(outputs[None])[0]
            total[i] += found.sum(0)
            squares[i] += (found**2).sum(0)
            evals[i] += len(outputs) - (2 if done else 0)
            base_value[i], prediction[i] = outputs[EMPTY], outputs[FULL]
        done += num
        pairs[open_] = done
        if done < next_check:
            continue
        if next_check == limit or config.standard_error is None:
            break
        error = _standard_error(total[open_], squares[open_], pairs[open_])
        open_ = open_[~(error.mean(1) <= config.standard_error)]
        next_check = min(limit, 2 * next_check)
    phi = total / pairs[:, None]
    return Estimates(phi, _standard_error(total, squares, pairs), prediction, base_value, evals)


def _standard_error(
    total: NDArray[np.float64], squares: NDArray[np.float64], count: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the widened standard error of the mean of `count` replicates; nan if there are too few."""
    n = count[:, None].astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.clip(squares / n - (total / n) ** 2, 0, None) * n / (n - 1)
        error = np.sqrt(variance / n) * widening((n - 1) / 2)
    return np.where(n >= MIN_PAIRS, error, np.nan)
