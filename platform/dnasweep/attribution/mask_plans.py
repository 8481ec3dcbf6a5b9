"""Plans: sets of masks and the linear map that turns the model's outputs on them into values.

Every estimator but the adaptive one asks for masks that do not depend on the outputs, and its
values are linear in the outputs. So masks and map are made beforehand, the model runs over the
masks of many sequences in full batches, and the rest is one multiplication.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.attribution.hierarchy import hierarchy

EMPTY, FULL = 0, 1
"""Rows of a plan's masks that hold no token and all tokens."""


class MaskPlan(NamedTuple):
    """Masks to evaluate, and estimates of the values as weighted sums of the outputs."""

    masks: NDArray[np.bool_]
    """Tokens kept, (masks, tokens), all different; row 0 is empty and row 1 full."""
    columns: NDArray[np.int64]
    """Mask of each term, (terms,)."""
    weights: NDArray[np.float64]
    """Weight of each term, (terms,)."""
    begins: NDArray[np.int64]
    """First term of each sum, (replicates * tokens,); every sum has at least one term."""
    num_replicates: int
    """Independent estimates among the sums; their mean is the estimate."""

    def replicates(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return each replicate's values, (sequences, replicates, tokens).

        Parameters
        ----------
        outputs
            The model's value on each mask, (sequences, masks).
        """
        sums = np.add.reduceat(outputs[:, self.columns] * self.weights, self.begins, axis=1)
        return sums.reshape(len(outputs), self.num_replicates, -1)


def plan_of_steps(
    masks: NDArray[np.bool_],
    step: NDArray[np.int64],
    weights: NDArray[np.float64],
    order: NDArray[np.int64],
    num_replicates: int,
) -> MaskPlan:
    """Return the plan whose values are weighted differences between two masks.

    Parameters
    ----------
    masks
        As asked for, (asked, tokens), repetitions included; those for empty and full need not be
        there.
    step
        With and without: rows of `masks`, (steps, 2).
    weights
        Weight of each step, (steps,).
    order
        Which sum a step belongs to, replicate * tokens + token, (steps,).
    num_replicates
        Independent estimates.
    """
    tokens = masks.shape[1]
    ends = np.array([np.zeros(tokens, bool), np.ones(tokens, bool)])
    distinct, rows = distinct_rows(np.concatenate([ends, masks]))
    by_sum = np.argsort(order, kind="stable")
    begins = np.searchsorted(order[by_sum], np.arange(num_replicates * tokens))
    return MaskPlan(
        distinct,
        rows[step[by_sum] + 2].reshape(-1),
        (weights[by_sum, None] * np.array([1.0, -1.0])).reshape(-1),
        2 * begins,
        num_replicates,
    )


def distinct_rows(masks: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return the different rows in order of first appearance, and the number of each row's one."""
    packed = np.packbits(masks, axis=1)
    keys = np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return masks[np.sort(first)], rank[inverse]


@functools.lru_cache(maxsize=32)
def partition_plan(num_tokens: int) -> MaskPlan:
    """Return the plan of all Owen values of the hierarchy, the full `shap.PartitionExplainer`.

    A node's credit is split between its children once with the sibling left out and once with it
    kept, each with half the weight (Owen 1977; Lundberg & Lee 2017, hierarchical expectation).
    About 0.7 tokens^2 distinct masks.
    """
    tree = hierarchy(num_tokens)
    under = tree.masks()
    contexts = np.zeros((1, num_tokens), bool)
    nodes, depth = np.array([tree.root]), 0
    without, players, depths = [], [], []
    while len(nodes):
        leaf = nodes < tree.num_leaves
        without.append(contexts[leaf])
        players.append(tree.players[nodes[leaf]])
        depths.append(np.full(int(leaf.sum()), depth))
        contexts, nodes = contexts[~leaf], nodes[~leaf]
        left, right = tree.children[nodes - tree.num_leaves].T
        contexts = np.concatenate(
            [contexts, contexts | under[right], contexts, contexts | under[left]]
        )
        nodes = np.concatenate([left, left, right, right])
        depth += 1
    context = np.concatenate(without)
    player = np.concatenate(players)
    steps = len(player)
    kept = context.copy()
    kept[np.arange(steps), player] = True
    return plan_of_steps(
        np.concatenate([kept, context]),
        np.stack([np.arange(steps), np.arange(steps) + steps], axis=1),
        0.5 ** np.concatenate(depths),
        player,
        1,
    )
