"""What an estimator says of a block of sequences, and what it asks of the block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.attribution.anchor import Anchor
from dnasweep.attribution.game import Block

ROWS_AT_ONCE = 1 << 16
"""Coalitions held in memory at once."""

Generators = Sequence[np.random.Generator]
"""One a sequence of the block, seeded by the sequence."""


class Estimates(NamedTuple):
    """What an estimator says of a block."""

    phi: NDArray[np.float64]
    """(sequences, players)."""
    error: NDArray[np.float64]
    """Error estimates of phi, (sequences, players)."""
    full: NDArray[np.float64]
    """Value of the whole sequences, (sequences,)."""
    empty: NDArray[np.float64]
    """Value without any token, (sequences,)."""
    num_evals: NDArray[np.int64]
    """Evaluations spent, (sequences,); each costs `block.cost` passes of the model."""
    anchors: Sequence[Anchor] | None = None
    """One a sequence, of the estimator that seeks them."""


def ends(block: Block) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the values without and with all tokens, each (sequences,)."""
    every = np.arange(block.num_sequences)
    shape = (block.num_sequences, block.num_players)
    return block.values(every, np.zeros(shape, bool)), block.values(every, np.ones(shape, bool))


def ask_all(block: Block, masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the value of each of the same masks for every sequence, (sequences, masks)."""
    count = len(masks)
    at_once = max(1, ROWS_AT_ONCE // count)
    parts = []
    for start in range(0, block.num_sequences, at_once):
        rows = np.arange(start, min(block.num_sequences, start + at_once))
        values = block.values(np.repeat(rows, count), np.tile(masks, (len(rows), 1)))
        parts.append(values.reshape(len(rows), count))
    return np.concatenate(parts)
