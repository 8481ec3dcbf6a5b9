"""Paired KernelSHAP: Shapley values as the weighted least squares fit to sampled coalitions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.explain.plans import EMPTY, FULL, distinct_rows


class KernelPlan(NamedTuple):
    """Coalitions, each with its complement, and the fit to the outputs on them."""

    masks: NDArray[np.bool_]
    """Tokens kept, (masks, tokens), all different; row 0 is empty and row 1 full."""
    rows: NDArray[np.int64]
    """Mask of each draw, (pairs, 2): coalition and complement."""

    def solve(
        self, outputs: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return values and standard errors, each (tokens,).

        The fit is constrained to sum to full - empty. Standard errors are those of least squares
        with residuals of any variance that depend on each other within a pair.

        Parameters
        ----------
        outputs
            The model's value on each mask, (masks,).
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
        residual_target = target - signs @ np.full(tokens, span / tokens)
        inverse = np.linalg.pinv(design.T @ design, rcond=1e-10, hermitian=True)
        free = inverse @ (design.T @ residual_target)
        residual = residual_target - design @ free
        left = max(1, len(design) - np.linalg.matrix_rank(design))
        meat = (design * residual[:, None] ** 2).T @ design * (len(design) / left)
        spread = basis @ inverse @ meat @ inverse @ basis.T
        phi = span / tokens + basis @ free
        return phi, np.sqrt(np.clip(np.diag(spread), 0, None))


def kernel_plan(num_tokens: int, max_evals: int, rng: np.random.Generator) -> KernelPlan:
    """Return paired draws from the Shapley kernel (Covert & Lee 2021).

    A coalition's size k is drawn with probability proportional to 1 / (k (tokens - k)), its members
    at random, and its complement is always drawn with it. `max_evals` counts the two ends.
    """
    if num_tokens < 2:
        masks = np.array([[False] * num_tokens, [True] * num_tokens])
        return KernelPlan(masks, np.array([[FULL, EMPTY]]))
    sizes = np.arange(1, num_tokens)
    odds = 1 / (sizes * (num_tokens - sizes))
    pairs = max(1, (max_evals - 2) // 2)
    size = rng.choice(sizes, size=pairs, p=odds / odds.sum())
    ranks = np.argsort(np.argsort(rng.random((pairs, num_tokens)), axis=1), axis=1)
    coalition = ranks < size[:, None]
    ends = np.array([np.zeros(num_tokens, bool), np.ones(num_tokens, bool)])
    masks, rows = distinct_rows(np.concatenate([ends, coalition, ~coalition]))
    return KernelPlan(masks, rows[2:].reshape(2, pairs).T)
