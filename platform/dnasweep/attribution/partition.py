"""Owen values, as in the shap library's `PartitionExplainer` (shap 0.51).

The tokens of a sequence form a binary hierarchy, the one that the library builds for a text that is
one long word (`shap.maskers.Text`): neighbouring groups are merged, the pair with the smallest total size
first and the leftmost of equals; joining [CLS] or [SEP] costs as much as 20 more tokens. The hierarchy
depends only on the number of tokens. The credit of a node is split between its children (Owen 1977).

With a budget, the node with the largest credit is split first, and when the budget is spent, the
remaining credit of a node is shared among the tokens under it. The order of nodes depends on the outputs
and thus differs between sequences; the sequences run in parallel, so evaluations still fill batches.
Values equal the library's for the same `max_evals` and `batch_size`, up to rounding. The library treats
[CLS] and [SEP] as tokens to be masked, although they never are, and therefore requests most masks four
times. These requests count towards `max_evals` here too, but each mask is evaluated only once.
"""

from __future__ import annotations

import functools
import heapq
from collections.abc import Generator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.attribution.block import (
    Block,
    Estimates,
    Generators,
    run_side_by_side,
    values_for_all,
    values_of_whole,
    values_without_tokens,
)
from dnasweep.attribution.coalitions import EMPTY, FULL, MaskPlan, plan_of_differences
from dnasweep.attribution.settings import ExplainConfig

_OUTSIDE = 20
"""Cost of joining [CLS] or [SEP] to the word, in tokens."""

Bits = list[int]
"""Masks as integers, bit i for token i."""


class Hierarchy(NamedTuple):
    """A binary tree; nodes below `num_leaves` are leaves, node `num_leaves + i` is merge i."""

    children: NDArray[np.int64]
    """Left and right child of each merge, (num_leaves - 1, 2); the last merge is the root."""
    sizes: NDArray[np.int64]
    """Leaves under each node, (2 num_leaves - 1,)."""
    tokens: NDArray[np.int64]
    """Token of each leaf, (num_leaves,); -1 for a special token, which is never left out."""

    @property
    def num_leaves(self) -> int:
        """Number of leaves, special tokens included."""
        return len(self.tokens)

    @property
    def root(self) -> int:
        """Root of the tree."""
        return len(self.sizes) - 1

    def masks(self) -> NDArray[np.bool_]:
        """Return which tokens lie under each node, (2 num_leaves - 1, tokens)."""
        masks = np.zeros((len(self.sizes), int(self.tokens.max()) + 1), bool)
        leaves = np.flatnonzero(self.tokens >= 0)
        masks[leaves, self.tokens[leaves]] = True
        for merge, (left, right) in enumerate(self.children):
            masks[self.num_leaves + merge] = masks[left] | masks[right]
        return masks


@functools.lru_cache(maxsize=64)
def hierarchy(num_tokens: int, *, special: bool = False) -> Hierarchy:
    """Return the hierarchy over `num_tokens` tokens.

    Parameters
    ----------
    num_tokens
        Tokens of the sequence without special tokens, at least 1.
    special
        Include [CLS] and [SEP] as leaves that never change anything, as in the shap library. The groups
        of tokens are the same without them.
    """
    if num_tokens < 1:
        raise ValueError(f"num_tokens is {num_tokens}, use at least 1")
    leaves = num_tokens + 2
    merges: list[tuple[int, int]] = []
    groups = np.arange(leaves)
    sizes = np.ones(leaves, np.int64)
    # Additional cost of joining a group to its left neighbour; 0 within the word.
    extra = np.where((groups < 2) | (groups == leaves - 1), _OUTSIDE, 0)
    while len(groups) > 1:
        i = int(np.argmin(sizes[:-1] + sizes[1:] + extra[1:]))
        merges.append((int(groups[i]), int(groups[i + 1])))
        groups[i] = leaves + len(merges) - 1
        sizes[i] += sizes[i + 1]
        groups, sizes, extra = (np.delete(array, i + 1) for array in (groups, sizes, extra))
    tokens = np.arange(-1, num_tokens + 1)
    tokens[-1] = -1
    if not special:
        merges, tokens = _without_special(merges, num_tokens), np.arange(num_tokens)
    sizes = np.ones(2 * len(tokens) - 1, np.int64)
    for merge, (left, right) in enumerate(merges):
        sizes[len(tokens) + merge] = sizes[left] + sizes[right]
    children = np.array(merges, np.int64).reshape(-1, 2)
    for array in (children, sizes, tokens):
        array.setflags(write=False)
    return Hierarchy(children, sizes, tokens)


def _without_special(merges: list[tuple[int, int]], num_tokens: int) -> list[tuple[int, int]]:
    """Return the merges that remain without [CLS] and [SEP]."""
    name: dict[int, int | None] = {i + 1: i for i in range(num_tokens)}
    name |= {0: None, num_tokens + 1: None}
    kept: list[tuple[int, int]] = []
    for merge, (left, right) in enumerate(merges):
        first, second = name[left], name[right]
        if first is not None and second is not None:
            kept.append((first, second))
            first = num_tokens + len(kept) - 1
        name[num_tokens + 2 + merge] = second if first is None else first
    return kept


@functools.lru_cache(maxsize=32)
def partition_plan(num_tokens: int) -> MaskPlan:
    """Return the plan of all Owen values of the hierarchy, without a budget.

    A node's credit is split between its children once with the sibling left out and once with it
    kept, each with half the weight (Owen 1977; Lundberg & Lee 2017, hierarchical expectation).
    The plan has about 0.7 tokens^2 distinct masks.
    """
    tree = hierarchy(num_tokens)
    under = tree.masks()
    contexts = np.zeros((1, num_tokens), bool)
    nodes, depth = np.array([tree.root]), 0
    without, tokens, depths = [], [], []
    while len(nodes):
        leaf = nodes < tree.num_leaves
        without.append(contexts[leaf])
        tokens.append(tree.tokens[nodes[leaf]])
        depths.append(np.full(int(leaf.sum()), depth))
        contexts, nodes = contexts[~leaf], nodes[~leaf]
        left, right = tree.children[nodes - tree.num_leaves].T
        contexts = np.concatenate(
            [contexts, contexts | under[right], contexts, contexts | under[left]]
        )
        nodes = np.concatenate([left, left, right, right])
        depth += 1
    context = np.concatenate(without)
    token = np.concatenate(tokens)
    num = len(token)
    kept = context.copy()
    kept[np.arange(num), token] = True
    return plan_of_differences(
        np.concatenate([kept, context]),
        np.stack([np.arange(num), np.arange(num) + num], axis=1),
        0.5 ** np.concatenate(depths),
        token,
        1,
    )


class Expansion(NamedTuple):
    """Owen values of one sequence under a budget."""

    phi: NDArray[np.float64]
    """Owen value of each token, (tokens,)."""
    unsplit: NDArray[np.float64]
    """Absolute share of each token in credit that was not split down to tokens, (tokens,)."""
    num_evals: int
    """Number of distinct masks evaluated, including the empty and the full one."""


def _expand(
    tree: Hierarchy,
    bits: Bits,
    base_value: float,
    prediction: float,
    max_evals: int,
    batch_size: int,
) -> Generator[Bits, list[float], Expansion]:
    """Yield masks to evaluate, receive their outputs, return the result."""
    leaves, children = tree.num_leaves, tree.children.tolist()
    known: dict[int, float] = {0: base_value, bits[tree.root]: prediction}
    credit = np.zeros(len(tree.sizes))
    unsplit = np.zeros(len(tree.sizes))
    count = asked = 0
    queue = [(0.0, count, 0, base_value, prediction, tree.root, 1.0)]
    while queue and asked < max_evals:
        splits: list[tuple[int, float, float, int, int, float]] = []
        while queue and 2 * len(splits) < batch_size and asked + 2 * len(splits) < max_evals:
            _, _, context, low, high, node, weight = heapq.heappop(queue)
            if node < leaves:
                credit[node] += (high - low) * weight
                continue
            left, right = children[node - leaves]
            splits.append((context, low, high, left, right, weight))
        asked += 2 * len(splits)
        new = dict.fromkeys(
            mask
            for context, _, _, left, right, _ in splits
            for mask in (context | bits[left], context | bits[right])
            if mask not in known
        )
        if new:
            wanted = list(new)
            known.update(zip(wanted, (yield wanted), strict=True))
        for context, low, high, left, right, weight in splits:
            with_left, with_right = context | bits[left], context | bits[right]
            value_left, value_right = known[with_left], known[with_right]
            half = weight / 2
            for beside, below, above, node in (
                (context, low, value_left, left),
                (context, low, value_right, right),
                (with_right, value_right, high, left),
                (with_left, value_left, high, right),
            ):
                count += 1
                entry = (-abs(above - below) * half, count, beside, below, above, node, half)
                heapq.heappush(queue, entry)
    for _, _, _, low, high, node, weight in queue:
        credit[node] += (high - low) * weight
        if node >= leaves:
            unsplit[node] += abs(high - low) * weight
    return Expansion(_shared_out(tree, credit), _shared_out(tree, unsplit), len(known))


def _shared_out(tree: Hierarchy, credit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share the credit of each node equally among its leaves; return the credit of tokens, (tokens,)."""
    credit = credit.copy()
    for merge in range(len(tree.children) - 1, -1, -1):
        node = tree.num_leaves + merge
        for child in tree.children[merge]:
            credit[child] += credit[node] * tree.sizes[child] / tree.sizes[node]
    return credit[: tree.num_leaves][tree.tokens >= 0]


def _within_budget(block: Block, max_evals: int, batch_size: int) -> Estimates:
    """Return the Owen values of a block under a budget; see :class:`ExplainConfig` for its parts."""
    base_value, prediction = values_without_tokens(block), values_of_whole(block)
    tree = hierarchy(block.num_tokens, special=True)
    packed = np.packbits(tree.masks(), axis=1, bitorder="little")
    bits = [int.from_bytes(row.tobytes(), "little") for row in packed]
    width = packed.shape[1]

    def unpacked(wanted: Bits) -> NDArray[np.bool_]:
        data = b"".join(mask.to_bytes(width, "little") for mask in wanted)
        rows = np.frombuffer(data, np.uint8).reshape(-1, width)
        masks = np.unpackbits(rows, axis=1, count=block.num_tokens, bitorder="little")
        return masks.view(bool)

    def answer(asked: Mapping[int, Bits]) -> list[list[float]]:
        values = block.values_of_each(list(asked), [unpacked(one) for one in asked.values()])
        return [own.tolist() for own in values]

    expansions = [
        _expand(tree, bits, float(low), float(high), max_evals - 2, batch_size)
        for low, high in zip(base_value, prediction, strict=True)
    ]
    found = run_side_by_side(expansions, answer)
    return Estimates(
        np.stack([one.phi for one in found]),
        standard_error=np.stack([one.unsplit for one in found]),
        prediction=prediction,
        base_value=base_value,
        num_evals=np.array([one.num_evals for one in found]),
    )


def partition(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    """Return the Owen values, exact unless there is a budget; nothing is drawn at random.

    Parameters
    ----------
    block, config, generators
        Arguments of every estimator, see :mod:`dnasweep.attribution.estimators`.
    """
    if config.max_evals is not None:
        return _within_budget(block, config.max_evals, config.shap_batch_size)
    plan = partition_plan(block.num_tokens)
    outputs = values_for_all(block, plan.masks)
    phi = plan.replicates(outputs)[:, 0]
    evals = np.full(len(phi), len(plan.masks))
    return Estimates(phi, np.zeros_like(phi), outputs[:, FULL], outputs[:, EMPTY], evals)
