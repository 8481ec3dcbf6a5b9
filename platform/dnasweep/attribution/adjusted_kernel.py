"""KernelSHAP adjusted by a saturating model, whose Shapley values are known.

KernelSHAP fits values to paired draws of coalitions by weighted least squares. Here a saturating
additive model is fitted first, and only the Shapley values of what it leaves of the outputs are
estimated (Witter, Liu & Musco 2025). Where outputs saturate, as log odds do, little is left and the
error is small. With ever more draws the values converge to the Shapley values whether the model fits
or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.attribution.block import Block, Estimates, Generators
from dnasweep.attribution.coalitions import (
    EMPTY,
    EXACT_EVALS,
    EXACT_EVALS_TO_STOP,
    FULL,
    all_fit,
    distinct_rows,
    exact_shapley,
)
from dnasweep.attribution.intervals import widening
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.attribution.surrogate import fit_saturating
from dnasweep.errors import InputError

Floats = NDArray[np.float64]

EVALS_PER_TOKEN = 5
MIN_EVALS = 250
"""Evaluations of a sequence, however few tokens it has."""
MAX_EVALS = 200_000
RIDGE = 1.0
"""Penalty on what the saturating model leaves; it counts as this many pairs of draws."""
MIN_PAIRS_PER_TOKEN = 2.25
"""Pairs of draws from which on the residuals tell how certain values are: with 2 per token, intervals
cover 91 to 94 %, with 1.5 they cover 82 to 90 %."""
CAUTION = 0.75
"""What a residual counts as, between its own size (0) and what it would be had it not been fitted
(1). HC2 is 1/2 and HC3 is 1."""
MIN_FREEDOM = 0.05
"""Lower limit on the part of a residual that has not gone into its own fitted value."""


class KernelPlan(NamedTuple):
    """Coalitions, each with its complement, and the fit to the outputs on them."""

    masks: NDArray[np.bool_]
    """Tokens kept, (masks, tokens), all different; row 0 is empty and row 1 full."""
    rows: NDArray[np.int64]
    """Mask of each draw, (pairs, 2): coalition and complement."""

    def solve(
        self, outputs: Floats, *, ridge: float = 0.0, unseen: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Return values and standard errors, each (tokens,).

        The fit is constrained so that values sum to the difference between the outputs on the full
        and the empty coalition. Standard errors are those of least squares with residuals of any
        variance, one per pair: between HC2 and HC3 (MacKinnon & White 1985), which are too small and
        too large where pairs are few (`benchmarks/nulls_shapley.py`). They are widened by Student's
        distribution with the degrees of freedom that are left.

        Parameters
        ----------
        outputs
            The model's output on each mask, (masks,).
        ridge
            Penalty on squared deviations from equal values; it counts as this many pairs.
        unseen
            If the outputs are residuals of an earlier fit: the residual of each pair if that fit had
            not seen it, (pairs, 2).
        """
        span = outputs[FULL] - outputs[EMPTY]
        # The paired half-difference is linear in a coalition's signs: the constant drops out.
        signs = self.masks[self.rows[:, 0]] - 0.5
        target = (outputs[self.rows[:, 0]] - outputs[self.rows[:, 1]]) / 2
        tokens = signs.shape[1]
        # phi = span / tokens + basis @ free, which sums to the span whatever `free` is.
        basis = np.linalg.qr(np.concatenate([np.ones((tokens, 1)), np.eye(tokens)[:, 1:]], 1))[0]
        basis = basis[:, 1:]
        design = signs @ basis
        equal = signs @ np.full(tokens, span / tokens)
        square = design.T @ design + ridge * np.eye(tokens - 1)
        inverse = np.linalg.pinv(square, rcond=1e-10, hermitian=True)
        free = inverse @ (design.T @ (target - equal))
        leverage = ((design @ inverse) * design).sum(1)
        fitted = equal + design @ free
        predicted = target if unseen is None else (unseen[:, 0] - unseen[:, 1]) / 2
        predicted = (predicted - fitted) / np.clip(1 - leverage, MIN_FREEDOM, 1)
        size = np.abs(target - fitted) ** (1 - CAUTION) * np.abs(predicted) ** CAUTION
        meat = (design * size[:, None] ** 2).T @ design
        spread = basis @ inverse @ meat @ inverse @ basis.T
        wide = widening(max(0.0, len(design) - leverage.sum()))
        phi = span / tokens + basis @ free
        return phi, wide * np.sqrt(np.clip(np.diag(spread), 0, None))


def kernel_plan(num_tokens: int, max_evals: int, rng: np.random.Generator) -> KernelPlan:
    """Return paired draws from the Shapley kernel (Covert & Lee 2021).

    A coalition's size k is drawn with probability proportional to 1 / (k (tokens - k)), and its
    complement is always drawn with it. Sizes are drawn systematically, and the members of those of
    one size without replacement as long as there are tokens, which leaves less to chance (Musco &
    Witter 2025).

    Parameters
    ----------
    num_tokens
        Tokens of the sequence without special tokens.
    max_evals
        Upper limit on the evaluations, the empty and the full coalition included.
    rng
        Source of the draws.

    Raises
    ------
    InputError
        When there are fewer than two evaluations per token, from which no fit could tell tokens
        apart.
    """
    if num_tokens < 2:
        masks = np.array([[False] * num_tokens, [True] * num_tokens])
        return KernelPlan(masks, np.array([[FULL, EMPTY]]))
    pairs = (max_evals - 2) // 2
    if pairs < num_tokens - 1:
        raise InputError(
            f"{max_evals} evaluations are less than a fit to {num_tokens} tokens needs",
            remedy=f"Give --max-evals {2 * num_tokens} or, better, {5 * num_tokens}.",
        )
    coalition = np.zeros((pairs, num_tokens), bool)
    drawn = _sizes(num_tokens, pairs, rng)
    for size in np.unique(drawn):
        rows = np.flatnonzero(drawn == size)
        per_shuffle = num_tokens // size
        shuffles = rng.random((-(-len(rows) // per_shuffle), num_tokens)).argsort(1)
        members = shuffles[:, : per_shuffle * size].reshape(-1, size)[: len(rows)]
        coalition[rows[:, None], members] = True
    ends = np.array([np.zeros(num_tokens, bool), np.ones(num_tokens, bool)])
    masks, rows = distinct_rows(np.concatenate([ends, coalition, ~coalition]))
    return KernelPlan(masks, rows[2:].reshape(2, pairs).T)


def _sizes(num_tokens: int, pairs: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the size of the smaller half of each pair, (pairs,)."""
    sizes = np.arange(1, num_tokens // 2 + 1)
    # Both halves of a pair of the middle size are of it.
    odds = np.where(2 * sizes == num_tokens, 0.5, 1.0) / (sizes * (num_tokens - sizes))
    steps = (np.arange(pairs) + rng.random()) / pairs
    return sizes[np.searchsorted(np.cumsum(odds / odds.sum())[:-1], steps)]


def joined(
    plan: KernelPlan, outputs: Floats, other: KernelPlan, other_outputs: Floats
) -> tuple[KernelPlan, Floats]:
    """Return two plans for one sequence as one, and the outputs on its masks.

    Parameters
    ----------
    plan, other
        The plans.
    outputs, other_outputs
        The model's output on the masks of each, (masks,).
    """
    masks, rows = distinct_rows(np.concatenate([plan.masks, other.masks]))
    values = np.empty(len(masks))
    values[rows] = np.concatenate([outputs, other_outputs])
    first, second = rows[: len(plan.masks)], rows[len(plan.masks) :]
    return KernelPlan(masks, np.concatenate([first[plan.rows], second[other.rows]])), values


def adjusted_values(
    plans: Sequence[KernelPlan], outputs: Sequence[Floats]
) -> tuple[Floats, Floats]:
    """Return values and standard errors, each (sequences, tokens); nan errors for too few draws.

    Parameters
    ----------
    plans
        Draws for each sequence, the same number for all.
    outputs
        The model's outputs on each plan's masks, (masks,).
    """
    seen = [np.r_[0, 1, plan.rows.T.reshape(-1)] for plan in plans]
    surrogate = fit_saturating(
        np.stack([plan.masks[rows] for plan, rows in zip(plans, seen, strict=True)]),
        np.stack([values[rows] for values, rows in zip(outputs, seen, strict=True)]),
    )
    phi = surrogate.shapley()
    error = np.empty_like(phi)
    for index, (plan, values) in enumerate(zip(plans, outputs, strict=True)):
        rest = values - surrogate.values(index, plan.masks)
        # A fit leaves less of the outputs it was fitted to than of others.
        unseen = surrogate.left_out(index, rest[plan.rows])
        more, error[index] = plan.solve(rest, ridge=RIDGE, unseen=unseen)
        phi[index] += more
        if len(plan.rows) < MIN_PAIRS_PER_TOKEN * phi.shape[1]:
            error[index] = np.nan
    return phi, error


def adjusted_kernel(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    """Draw until each sequence has its number of evaluations, or its standard error.

    Parameters
    ----------
    block, config, generators
        As of every estimator, see :mod:`dnasweep.attribution.estimators`.
    """
    tokens = block.num_tokens
    few = EXACT_EVALS if config.standard_error is None else EXACT_EVALS_TO_STOP
    if all_fit(tokens, config.max_evals or few):
        return exact_shapley(block)
    usual = max(MIN_EVALS, EVALS_PER_TOKEN * tokens)
    limit = config.max_evals or (usual if config.standard_error is None else MAX_EVALS)
    open_ = np.arange(block.num_sequences)
    first = limit if config.standard_error is None else min(limit, usual)
    plans = [kernel_plan(tokens, first, rng) for rng in generators]
    outputs = block.values_of_each(open_, [plan.masks for plan in plans])
    phi, error = adjusted_values(plans, outputs)
    while config.standard_error is not None:
        open_ = open_[~(error[open_].mean(1) <= config.standard_error)]
        drawn = 2 * len(plans[int(open_[0])].rows) + 2 if len(open_) else limit
        budget = min(drawn, limit - drawn)
        if budget < 2 * tokens:
            break
        more = [kernel_plan(tokens, budget, generators[int(i)]) for i in open_]
        new_outputs = block.values_of_each(open_, [plan.masks for plan in more])
        for i, plan, values in zip(open_, more, new_outputs, strict=True):
            plans[i], outputs[i] = joined(plans[i], outputs[i], plan, values)
        phi[open_], error[open_] = adjusted_values(
            [plans[i] for i in open_], [outputs[i] for i in open_]
        )
    return Estimates(
        phi,
        standard_error=error,
        prediction=np.array([values[FULL] for values in outputs]),
        base_value=np.array([values[EMPTY] for values in outputs]),
        num_evals=np.array([len(values) for values in outputs]),
    )
