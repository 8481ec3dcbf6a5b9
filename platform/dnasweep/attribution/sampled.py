"""Estimators that draw coalitions: adjusted KernelSHAP and antithetic permutations.

Where the evaluations asked for cover all coalitions, none is drawn and values are exact. Otherwise
each value has a standard error, of which 1.96 to either side are an interval of 95 %; it is nan
where there are too few draws to tell.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dnasweep.attribution.adjusted import adjusted_values, joined
from dnasweep.attribution.estimates import (
    ROWS_AT_ONCE,
    Estimates,
    Generators,
    ask_all,
)
from dnasweep.attribution.exact import EXACT_EVALS, EXACT_EVALS_TO_STOP, all_coalitions, fits
from dnasweep.attribution.game import Block
from dnasweep.attribution.kernel import KernelPlan, kernel_plan
from dnasweep.attribution.mask_plans import EMPTY, FULL, MaskPlan, partition_plan
from dnasweep.attribution.sampling import pairs_within, permutation_plan
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.attribution.standard_errors import widening

EVALS_A_TOKEN = 5
MIN_EVALS = 250
"""Evaluations of a sequence, however few tokens it has."""
MAX_EVALS = 200_000
MAX_PAIRS = 10_000
DEFAULT_PAIRS = 2
MIN_PAIRS = 10
"""Pairs of permutations from which on their spread says how sure their mean is."""


def adjusted_kernel(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    """Draw until each sequence has its number of evaluations, or its standard error."""
    tokens = block.num_players
    few = EXACT_EVALS if config.standard_error is None else EXACT_EVALS_TO_STOP
    if fits(tokens, config.max_evals or few):
        return all_coalitions(block)
    usual = max(MIN_EVALS, EVALS_A_TOKEN * tokens)
    most = config.max_evals or (usual if config.standard_error is None else MAX_EVALS)
    open_ = np.arange(block.num_sequences)
    first = most if config.standard_error is None else min(most, usual)
    plans = [kernel_plan(tokens, first, rng) for rng in generators]
    outputs = _ask(block, open_, plans)
    phi, error = adjusted_values(plans, outputs)
    while config.standard_error is not None:
        open_ = open_[~(error[open_].mean(1) <= config.standard_error)]
        drawn = 2 * len(plans[int(open_[0])].rows) + 2 if len(open_) else most
        budget = min(drawn, most - drawn)
        if budget < 2 * tokens:
            break
        more = [kernel_plan(tokens, budget, generators[int(i)]) for i in open_]
        for i, plan, values in zip(open_, more, _ask(block, open_, more), strict=True):
            plans[i], outputs[i] = joined(plans[i], outputs[i], plan, values)
        phi[open_], error[open_] = adjusted_values(
            [plans[i] for i in open_], [outputs[i] for i in open_]
        )
    return _of_plans(phi, error, outputs)


def permutation(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    """Draw pairs until each sequence has its number, or its standard error.

    Whether a sequence has it is looked at after `MIN_PAIRS` and whenever their number has doubled.
    """
    usual = 2 + 2 * (block.num_players - 1) * DEFAULT_PAIRS
    budget = config.max_evals or (usual if config.standard_error is None else EXACT_EVALS_TO_STOP)
    if fits(block.num_players, budget):
        return all_coalitions(block)
    most = _pairs(block, config)
    shape = (block.num_sequences, block.num_players)
    total, squares = np.zeros(shape), np.zeros(shape)
    empty, full = np.zeros(shape[0]), np.zeros(shape[0])
    evals = np.zeros(shape[0], np.int64)
    pairs = np.zeros(shape[0], np.int64)
    open_, done = np.arange(shape[0]), 0
    look = most if config.standard_error is None else min(most, MIN_PAIRS)
    while len(open_):
        num = min(look - done, max(1, ROWS_AT_ONCE // (2 * shape[1] * len(open_))))
        plans = [permutation_plan(block.num_players, num, generators[int(i)]) for i in open_]
        answers = _ask(block, open_, plans)
        for i, plan, outputs in zip(open_, plans, answers, strict=True):
            found = plan.replicates(outputs[None])[0]
            total[i] += found.sum(0)
            squares[i] += (found**2).sum(0)
            evals[i] += len(outputs) - (2 if done else 0)
            empty[i], full[i] = outputs[EMPTY], outputs[FULL]
        done += num
        pairs[open_] = done
        if done < look:
            continue
        if look == most or config.standard_error is None:
            break
        error = _spread(total[open_], squares[open_], pairs[open_])
        open_ = open_[~(error.mean(1) <= config.standard_error)]
        look = min(most, 2 * look)
    phi = total / pairs[:, None]
    return Estimates(phi, _spread(total, squares, pairs), full, empty, evals)


def all_owen_values(block: Block) -> Estimates:
    """Return the Owen values of the hierarchy, exactly."""
    plan = partition_plan(block.num_players)
    outputs = ask_all(block, plan.masks)
    phi = plan.replicates(outputs)[:, 0]
    evals = np.full(len(phi), len(plan.masks))
    return Estimates(phi, np.zeros_like(phi), outputs[:, FULL], outputs[:, EMPTY], evals)


def _pairs(block: Block, config: ExplainConfig) -> int:
    """Return the antithetic pairs to draw at most."""
    if config.max_evals is None:
        return DEFAULT_PAIRS if config.standard_error is None else MAX_PAIRS
    return pairs_within(block.num_players, config.max_evals)


def _ask(
    block: Block, rows: NDArray[np.int64], plans: Sequence[MaskPlan] | Sequence[KernelPlan]
) -> list[NDArray[np.float64]]:
    """Return the values of `rows` of the block, each on its own plan's masks, each (masks,)."""
    counts = [len(plan.masks) for plan in plans]
    masks = np.concatenate([plan.masks for plan in plans])
    return np.split(block.values(np.repeat(rows, counts), masks), np.cumsum(counts)[:-1])


def _of_plans(
    phi: NDArray[np.float64], error: NDArray[np.float64], outputs: Sequence[NDArray[np.float64]]
) -> Estimates:
    full, empty = (np.array([values[end] for values in outputs]) for end in (FULL, EMPTY))
    return Estimates(phi, error, full, empty, np.array([len(values) for values in outputs]))


def _spread(
    total: NDArray[np.float64], squares: NDArray[np.float64], count: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the widened standard error of the mean of `count` replicates; nan for too few."""
    n = count[:, None].astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.clip(squares / n - (total / n) ** 2, 0, None) * n / (n - 1)
        error = np.sqrt(variance / n) * widening((n - 1) / 2)
    return np.where(n >= MIN_PAIRS, error, np.nan)
