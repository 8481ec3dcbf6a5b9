"""Sets of coalitions, and the linear maps from the model's outputs on them to attributions.

For most estimators the masks do not depend on the outputs, and the values are linear in the outputs.
Masks and linear map are therefore computed in advance as a plan, the model runs over the masks of many
sequences in full batches, and one multiplication gives the values. If all coalitions of a sequence fit the
budget of evaluations, nothing is sampled and the Shapley values are exact.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from dnasweep.attribution.block import Block, Estimates, values_for_all

EMPTY, FULL = 0, 1
"""Rows of a plan's masks that keep no token or all tokens."""
EXACT_EVALS = 256
"""All coalitions are evaluated if there are at most this many and no number of evaluations is
requested: those of 8 tokens, about as many as are drawn for a longer sequence. For 9 to 15 tokens, 250
draws give intervals that cover 94 to 97 % (`benchmarks/nulls_shapley.py`), at a fraction of the cost of
512 or more evaluations."""
EXACT_EVALS_TO_STOP = 1024
"""The same if a standard error is requested, because reaching it would soon take as many evaluations."""
MAX_TOKENS = 16
"""Maximum number of tokens for which all coalitions are kept in memory."""


class MaskPlan(NamedTuple):
    """Masks to evaluate, and estimates of the attributions as weighted sums of the outputs."""

    masks: NDArray[np.bool_]
    """Tokens kept, (masks, tokens); all rows differ, row 0 is empty and row 1 full."""
    columns: NDArray[np.int64]
    """Mask of each term, (terms,)."""
    weights: NDArray[np.float64]
    """Weight of each term, (terms,)."""
    first_terms: NDArray[np.int64]
    """First term of each sum, (replicates * tokens,); every sum has at least one term."""
    num_replicates: int
    """Independent estimates among the sums; their mean is the estimate."""

    def replicates(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the attributions by each replicate, (sequences, replicates, tokens).

        Parameters
        ----------
        outputs
            The model's output on each mask, (sequences, masks).
        """
        terms = outputs[:, self.columns] * self.weights
        sums = np.add.reduceat(terms, self.first_terms, axis=1)
        return sums.reshape(len(outputs), self.num_replicates, -1)


def plan_of_differences(
    masks: NDArray[np.bool_],
    pairs: NDArray[np.int64],
    weights: NDArray[np.float64],
    sums: NDArray[np.int64],
    num_replicates: int,
) -> MaskPlan:
    """Return the plan whose attributions are sums of weighted differences between two masks.

    Parameters
    ----------
    masks
        Requested masks, (requested, tokens), possibly with repetitions; the empty and the full mask
        need not be included.
    pairs
        Rows of `masks` with and without a token, (differences, 2).
    weights
        Weight of each difference, (differences,).
    sums
        The sum that each difference belongs to, replicate * tokens + token, (differences,).
    num_replicates
        Number of independent estimates.
    """
    tokens = masks.shape[1]
    ends = np.array([np.zeros(tokens, bool), np.ones(tokens, bool)])
    distinct, rows = distinct_rows(np.concatenate([ends, masks]))
    order = np.argsort(sums, kind="stable")
    first = np.searchsorted(sums[order], np.arange(num_replicates * tokens))
    return MaskPlan(
        masks=distinct,
        columns=rows[pairs[order] + 2].reshape(-1),
        weights=(weights[order, None] * np.array([1.0, -1.0])).reshape(-1),
        first_terms=2 * first,
        num_replicates=num_replicates,
    )


def distinct_rows(masks: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return the distinct rows in order of first appearance, and the number of the distinct row of each.

    Parameters
    ----------
    masks
        (rows, tokens).
    """
    packed = np.packbits(masks, axis=1)
    keys = np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return masks[np.sort(first)], rank[inverse]


def all_fit(num_tokens: int, max_evals: int) -> bool:
    """Return whether all coalitions of `num_tokens` tokens can be evaluated."""
    return num_tokens <= MAX_TOKENS and 2**num_tokens <= max_evals


def exact_shapley(block: Block, sequences: NDArray[np.int64] | None = None) -> Estimates:
    """Return the Shapley values of a block from all coalitions; they have no error.

    Parameters
    ----------
    block
        The sequences.
    sequences
        Numbers of those to explain; None explains all.
    """
    masks, weights = all_masks(block.num_tokens), _shapley_weights(block.num_tokens)
    outputs = values_for_all(block, masks, sequences)
    phi = outputs @ weights
    return Estimates(
        phi,
        standard_error=np.zeros_like(phi),
        prediction=outputs[:, -1],
        base_value=outputs[:, 0],
        num_evals=np.full(len(phi), len(masks)),
    )


@functools.lru_cache(maxsize=MAX_TOKENS)
def all_masks(num_tokens: int) -> NDArray[np.bool_]:
    """Return all coalitions, (2^tokens, tokens): coalition m keeps token i if bit i of m is set."""
    masks = (np.arange(2**num_tokens)[:, None] >> np.arange(num_tokens)) & 1 == 1
    masks.setflags(write=False)
    return masks


@functools.lru_cache(maxsize=MAX_TOKENS)
def _shapley_weights(num_tokens: int) -> NDArray[np.float64]:
    """Return the weights of the outputs on all coalitions, (coalitions, tokens).

    A Shapley value is the marginal contribution of a token, averaged over the coalitions of each size
    without the token and then over sizes.
    """
    masks = all_masks(num_tokens)
    size = masks.sum(1)[:, None]
    # Number of other tokens in the coalition, and the number of coalitions with as many other tokens.
    others = size - masks
    log = gammaln(others + 1) + gammaln(num_tokens - others) - gammaln(num_tokens + 1)
    weights = np.where(masks, 1.0, -1.0) * np.exp(log)
    weights.setflags(write=False)
    return weights
