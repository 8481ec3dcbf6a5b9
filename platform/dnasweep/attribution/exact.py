"""Shapley values from all coalitions, where there are no more of them than can be evaluated."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from dnasweep.attribution.estimates import Estimates, ask_all
from dnasweep.attribution.game import Block

EXACT_EVALS = 256
"""Coalitions that are all evaluated where no other number of evaluations is asked for: those of 8
tokens, about as many as are drawn of a longer sequence. Of 9 to 15 tokens those 250 give intervals
that cover 95 to 98 % (`benchmarks/nulls_shapley.py`), at a fraction of 512 or more evaluations."""
EXACT_EVALS_TO_STOP = 1024
"""The same where a standard error is asked for: it would soon take as many to reach it."""
MAX_TOKENS = 16
"""All coalitions of more are not held in memory."""


def fits(num_tokens: int, max_evals: int) -> bool:
    """Return whether all coalitions of so many tokens can be evaluated."""
    return num_tokens <= MAX_TOKENS and 2**num_tokens <= max_evals


def all_coalitions(block: Block) -> Estimates:
    """Return the Shapley values of a block whose coalitions fit; they have no error."""
    masks, weights = _coalitions(block.num_players)
    outputs = ask_all(block, masks)
    phi = outputs @ weights
    spent = np.full(len(phi), len(masks))
    return Estimates(phi, np.zeros_like(phi), outputs[:, -1], outputs[:, 0], spent)


@functools.lru_cache(maxsize=MAX_TOKENS)
def _coalitions(num_tokens: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return all coalitions, the empty one first and the full one last, and their weights.

    Returns
    -------
    masks
        (coalitions, tokens).
    weights
        (coalitions, tokens): of the value of a coalition in the value of a token. A token's value is
        the mean over sizes, and over coalitions of a size without it, of what it adds.
    """
    numbers = np.arange(2**num_tokens)
    masks = (numbers[:, None] >> np.arange(num_tokens)) & 1 == 1
    size = masks.sum(1)[:, None]
    # Others of the token in the coalition, and how many coalitions have as many of them.
    others = size - masks
    log = gammaln(others + 1) + gammaln(num_tokens - others) - gammaln(num_tokens + 1)
    weights = np.where(masks, 1.0, -1.0) * np.exp(log)
    masks.setflags(write=False)
    weights.setflags(write=False)
    return masks, weights
