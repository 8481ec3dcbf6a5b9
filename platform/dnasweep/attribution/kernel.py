"""Paired KernelSHAP: Shapley values as the weighted least squares fit to sampled coalitions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.attribution.mask_plans import EMPTY, FULL, distinct_rows
from dnasweep.attribution.standard_errors import widening
from dnasweep.errors import InputError

Floats = NDArray[np.float64]
CAUTION = 0.75
"""What a residual counts as, between its own size (0) and what it would be had it not been fitted
(1). HC2 is 1/2 and HC3 is 1."""
MIN_FREEDOM = 0.05
"""Least part of a residual that is taken not to have gone into its own fitted value."""


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

        The fit is constrained to sum to full - empty. Standard errors are those of least squares
        with residuals of any variance, one a pair: between HC2 and HC3 (MacKinnon & White 1985),
        which are too small and too large where pairs are few, as `benchmarks/nulls_shapley.py`
        shows; and as wide as Student's distribution has it for what freedom is left.

        Parameters
        ----------
        outputs
            The model's value on each mask, (masks,).
        ridge
            Penalty on squared deviations from equal values; it counts as so many pairs.
        unseen
            Where something was fitted to the outputs before and they are what it left: what it
            would leave of each pair if it had not seen it, (pairs, 2).
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
    Witter 2025). `max_evals` counts the two ends.

    Raises
    ------
    InputError
        When there are fewer evaluations than two a token, which no fit could tell apart.
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
        a_deck = num_tokens // size
        decks = rng.random((-(-len(rows) // a_deck), num_tokens)).argsort(1)
        members = decks[:, : a_deck * size].reshape(-1, size)[: len(rows)]
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
