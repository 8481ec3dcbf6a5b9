"""Checks of the budget of evaluations before anything is evaluated."""

from __future__ import annotations

from dnasweep.attribution.settings import GRADIENT_ESTIMATORS, ExplainConfig
from dnasweep.errors import InputError

EVALS_PER_POINT = 3
"""A forward pass, and its backward pass, which costs about two."""


def check_budget(config: ExplainConfig, num_tokens: int) -> None:
    """Raise `InputError` if `max_evals` is too small for a sequence of `num_tokens` tokens."""
    if config.max_evals is None:
        return
    if config.estimator == "permutation":
        pairs_within(num_tokens, config.max_evals)
    if config.estimator in GRADIENT_ESTIMATORS:
        points_within(
            config.num_shuffles if config.reference == "shuffle" else 1, config.max_evals
        )


def pairs_within(num_tokens: int, max_evals: int) -> int:
    """Return how many antithetic pairs of permutations `max_evals` evaluations allow.

    Raises
    ------
    InputError
        If they do not allow a single pair.
    """
    pairs = (max_evals - 2) // max(1, 2 * (num_tokens - 1))
    if pairs < 1:
        raise InputError(
            f"{max_evals} evaluations are less than one pair of permutations of {num_tokens} "
            "tokens needs",
            remedy=f"Give --max-evals {2 * num_tokens} or more, or another --estimator.",
        )
    return pairs


def points_within(cost: int, max_evals: int) -> int:
    """Return how many points of a path `max_evals` evaluations allow.

    Parameters
    ----------
    cost
        Forward passes per evaluation: one for each reference.
    max_evals
        Evaluations; two of them are for the ends of the path.

    Raises
    ------
    InputError
        If they do not allow two points.
    """
    points = (max_evals - 2) // (EVALS_PER_POINT * cost)
    if points < 2:
        raise InputError(
            f"{max_evals} evaluations are fewer than two points of a path need",
            remedy=f"Give --max-evals {2 + 2 * EVALS_PER_POINT * cost} or more.",
        )
    return points
