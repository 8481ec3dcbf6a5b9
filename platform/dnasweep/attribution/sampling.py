"""Plans of antithetic permutations: walks from the empty to the full sequence and back.

A permutation adds the tokens one by one; each token is credited with what its arrival changes.
Walked in reverse order as well, the pair costs 2 (tokens - 1) evaluations beside the two ends and
its errors largely cancel (Castro et al. 2009; Mitchell et al. 2022).
"""

from __future__ import annotations

import numpy as np

from dnasweep.attribution.mask_plans import MaskPlan, plan_of_steps
from dnasweep.errors import InputError


def pairs_within(num_tokens: int, max_evals: int) -> int:
    """Return how many antithetic pairs `max_evals` evaluations pay for.

    Raises
    ------
    InputError
        When they do not pay for one.
    """
    pairs = (max_evals - 2) // max(1, 2 * (num_tokens - 1))
    if pairs < 1:
        raise InputError(
            f"{max_evals} evaluations are less than one pair of permutations of {num_tokens} "
            "tokens needs",
            remedy=f"Give --max-evals {2 * num_tokens} or more, or another --estimator.",
        )
    return pairs


def permutation_plan(num_tokens: int, num_pairs: int, rng: np.random.Generator) -> MaskPlan:
    """Return the plan of `num_pairs` antithetic pairs, a replicate each.

    Parameters
    ----------
    num_tokens
        Tokens of the sequence without special tokens.
    num_pairs
        Permutations, each walked in both directions.
    rng
        Source of the permutations.
    """
    orders = np.argsort(rng.random((num_pairs, num_tokens)), axis=1)
    ranks = np.argsort(orders, axis=1)
    # Tokens kept after s arrivals, for both directions: (pairs, 2, tokens + 1, tokens).
    arrival = np.stack([ranks, num_tokens - 1 - ranks], axis=1)
    kept = arrival[:, :, None, :] < np.arange(num_tokens + 1)[:, None]
    walk = np.arange(num_pairs * 2).reshape(num_pairs, 2, 1) * (num_tokens + 1)
    before = (walk + arrival).reshape(-1)
    replicate = np.arange(num_pairs)[:, None, None] * num_tokens
    order = np.broadcast_to(replicate + np.arange(num_tokens), arrival.shape).reshape(-1)
    return plan_of_steps(
        kept.reshape(-1, num_tokens),
        np.stack([before + 1, before], axis=1),
        np.full(len(before), 0.5),
        order,
        num_pairs,
    )
