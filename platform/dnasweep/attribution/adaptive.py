"""Owen values on a budget: the shap library's adaptive expansion, many sequences in lock-step.

`shap.PartitionExplainer(max_evals=...)` splits the node whose credit is largest first, and when
the budget is spent, shares what is left on a node among the tokens under it. Which node comes next
depends on the outputs, so each sequence has its own course; run side by side, their evaluations
still fill batches. Values equal the library's (shap 0.51) for the same `max_evals` and
`batch_size`, up to rounding.

The library lets [CLS] and [SEP] take part, though they are never masked. So it asks for most masks
four times; those count towards `max_evals` here too, but each mask is evaluated once.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.attribution.game import Block
from dnasweep.attribution.hierarchy import Hierarchy, hierarchy

Masks = list[int]
"""Masks as integers, bit i for token i."""


class Expansion(NamedTuple):
    """Owen values of one sequence under a budget."""

    phi: NDArray[np.float64]
    """(tokens,)."""
    unsplit: NDArray[np.float64]
    """Size of each token's share of credit that was not split down to it, (tokens,)."""
    num_evals: int
    """Different masks evaluated, empty and full counted."""


def _expand(
    tree: Hierarchy, bits: Masks, empty: float, full: float, max_evals: int, batch_size: int
) -> Generator[Masks, list[float], Expansion]:
    """Yield masks to evaluate, receive their values, return the result."""
    leaves, children = tree.num_leaves, tree.children.tolist()
    known: dict[int, float] = {0: empty, bits[tree.root]: full}
    credit = np.zeros(len(tree.sizes))
    unsplit = np.zeros(len(tree.sizes))
    count = asked = 0
    queue = [(0.0, count, 0, empty, full, tree.root, 1.0)]
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
            for place, below, above, node in (
                (context, low, value_left, left),
                (context, low, value_right, right),
                (with_right, value_right, high, left),
                (with_left, value_left, high, right),
            ):
                count += 1
                entry = (-abs(above - below) * half, count, place, below, above, node, half)
                heapq.heappush(queue, entry)
    for _, _, _, low, high, node, weight in queue:
        credit[node] += (high - low) * weight
        if node >= leaves:
            unsplit[node] += abs(high - low) * weight
    return Expansion(lower_credit(tree, credit), lower_credit(tree, unsplit), len(known))


def lower_credit(tree: Hierarchy, credit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share each node's credit among its leaves, by their number; return the tokens', (tokens,)."""
    credit = credit.copy()
    for merge in range(len(tree.children) - 1, -1, -1):
        node = tree.num_leaves + merge
        for child in tree.children[merge]:
            credit[child] += credit[node] * tree.sizes[child] / tree.sizes[node]
    return credit[: tree.num_leaves][tree.players >= 0]


def expand(
    block: Block,
    empty: NDArray[np.float64],
    full: NDArray[np.float64],
    *,
    max_evals: int,
    batch_size: int,
) -> list[Expansion]:
    """Return the budgeted Owen values of every sequence of a block.

    Parameters
    ----------
    block
        Sequences of one number of tokens.
    empty, full
        Their values without and with all tokens, (sequences,).
    max_evals
        Evaluations a sequence as the shap library counts them, empty and full included.
    batch_size
        The library's: evaluations between two choices of what to split next.
    """
    tree = hierarchy(block.num_players, special=True)
    packed = np.packbits(tree.masks(), axis=1, bitorder="little")
    bits = [int.from_bytes(row.tobytes(), "little") for row in packed]
    width = packed.shape[1]
    courses = {
        i: _expand(tree, bits, float(empty[i]), float(full[i]), max_evals - 2, batch_size)
        for i in range(block.num_sequences)
    }
    results: dict[int, Expansion] = {}
    wanted: dict[int, Masks] = {}

    def advance(i: int, values: list[float] | None) -> None:
        try:
            wanted[i] = courses[i].send(values)  # type: ignore[arg-type]
        except StopIteration as end:
            results[i] = end.value
            wanted.pop(i, None)

    for i in courses:
        advance(i, None)
    while wanted:
        rounds = list(wanted.items())
        sequences = np.repeat([i for i, _ in rounds], [len(masks) for _, masks in rounds])
        data = b"".join(mask.to_bytes(width, "little") for _, masks in rounds for mask in masks)
        packed = np.frombuffer(data, np.uint8).reshape(-1, width)
        masks = np.unpackbits(packed, axis=1, count=block.num_players, bitorder="little")
        values = block.values(sequences, masks.view(bool)).tolist()
        done = 0
        for i, asked in rounds:
            advance(i, values[done : done + len(asked)])
            done += len(asked)
    return [results[i] for i in range(block.num_sequences)]
