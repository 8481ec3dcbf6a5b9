"""The binary hierarchy of tokens within which Owen values are.

It is the one the shap library builds for a text that is one long word (`shap.maskers.Text`, shap
0.51): neighbouring groups merge, the smallest together first and the leftmost among equals, where
joining [CLS] or [SEP] counts as much as 20 tokens more. It depends on the number of tokens alone.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_OUTSIDE = 20
"""Tokens that joining [CLS] or [SEP] to the word is worth."""


class Hierarchy(NamedTuple):
    """A binary tree; nodes below `num_leaves` are leaves, node `num_leaves + i` is merge i."""

    children: NDArray[np.int64]
    """Left and right child of each merge, (num_leaves - 1, 2); the last merge is the root."""
    sizes: NDArray[np.int64]
    """Leaves under each node, (2 num_leaves - 1,)."""
    players: NDArray[np.int64]
    """Token of each leaf, (num_leaves,); -1 for a special token, which is never left out."""

    @property
    def num_leaves(self) -> int:
        """Leaves, special tokens counted."""
        return len(self.players)

    @property
    def root(self) -> int:
        """The node above all."""
        return len(self.sizes) - 1

    def masks(self) -> NDArray[np.bool_]:
        """Return which tokens lie under each node, (2 num_leaves - 1, tokens)."""
        masks = np.zeros((len(self.sizes), int(self.players.max()) + 1), bool)
        leaves = np.flatnonzero(self.players >= 0)
        masks[leaves, self.players[leaves]] = True
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
        With [CLS] and [SEP] as leaves that never change anything, as in the shap library. Without
        them the groups of tokens are the same.
    """
    if num_tokens < 1:
        raise ValueError(f"num_tokens is {num_tokens}, use at least 1")
    leaves = num_tokens + 2
    merges: list[tuple[int, int]] = []
    groups = np.arange(leaves)
    sizes = np.ones(leaves, np.int64)
    # What joining a group to its left neighbour costs beside their sizes: within the word nothing.
    extra = np.where((groups < 2) | (groups == leaves - 1), _OUTSIDE, 0)
    while len(groups) > 1:
        i = int(np.argmin(sizes[:-1] + sizes[1:] + extra[1:]))
        merges.append((int(groups[i]), int(groups[i + 1])))
        groups[i] = leaves + len(merges) - 1
        sizes[i] += sizes[i + 1]
        groups, sizes, extra = (np.delete(array, i + 1) for array in (groups, sizes, extra))
    players = np.arange(-1, num_tokens + 1)
    players[-1] = -1
    if not special:
        merges, players = _without_special(merges, num_tokens), np.arange(num_tokens)
    return _tree(merges, players)


def _without_special(merges: list[tuple[int, int]], num_tokens: int) -> list[tuple[int, int]]:
    """Return the merges that are left when [CLS] and [SEP] are not there."""
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


def _tree(merges: list[tuple[int, int]], players: NDArray[np.int64]) -> Hierarchy:
    leaves = len(players)
    sizes = np.ones(2 * leaves - 1, np.int64)
    for merge, (left, right) in enumerate(merges):
        sizes[leaves + merge] = sizes[left] + sizes[right]
    children = np.array(merges, np.int64).reshape(-1, 2)
    for array in (children, sizes, players):
        array.setflags(write=False)
    return Hierarchy(children, sizes, players)
