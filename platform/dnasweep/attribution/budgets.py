"""What a number of evaluations pays for, known before anything is evaluated."""

from __future__ import annotations

from dnasweep.attribution.sampling import pairs_within
from dnasweep.attribution.settings import GRADIENT_ESTIMATORS, SAMPLING_ESTIMATORS, ExplainConfig
from dnasweep.errors import InputError

EVALS_A_NODE = 3
"""A forward pass and its backward pass, which costs about two."""


def check_budget(config: ExplainConfig, num_tokens: int) -> None:
    """Raise `InputError` where `max_evals` is too little for a sequence of so many tokens."""
    if config.max_evals is None:
        return
    if config.estimator in SAMPLING_ESTIMATORS:
        pairs_within(num_tokens, config.max_evals)
    if config.estimator in GRADIENT_ESTIMATORS:
        nodes_within(config.num_shuffles if config.reference == "shuffle" else 1, config.max_evals)


def nodes_within(cost: int, max_evals: int) -> int:
    """Return how many points of a path `max_evals` evaluations pay for.

    Parameters
    ----------
    cost
        Passes of the model an evaluation takes: one a reference.

    Raises
    ------
    InputError
        When they do not pay for two.
    """
    nodes = (max_evals - 2) // (EVALS_A_NODE * cost)
    if nodes < 2:
        raise InputError(
            f"{max_evals} evaluations are less than two points of a path take",
            remedy=f"Give --max-evals {2 + 2 * EVALS_A_NODE * cost} or more.",
        )
    return nodes
