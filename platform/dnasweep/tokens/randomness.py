"""Counter-based random numbers: each one is a hash of its purpose.

A draw depends only on (seed, epoch, stream, row, position), not on the rows of its batch or the
number of workers. The hash is SplitMix64 (Steele, Lea and Flood 2014), one generator per row with
its state advanced to the position, so whole arrays are drawn at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_STEP = np.uint64(0x9E3779B97F4A7C15)
_WORD = 2**64 - 1


def _mix(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def uniform(
    seed: int, epoch: int, stream: int, rows: ArrayLike, positions: ArrayLike
) -> NDArray[np.float64]:
    """Draw uniform numbers from [0, 1).

    Parameters
    ----------
    seed, epoch, stream
        Any integers; streams distinguish different uses of the same (row, position).
    rows, positions
        Integer arrays that broadcast against each other; the result has their common shape.
    """
    state = np.zeros(1, np.uint64)
    for part in (seed, epoch, stream):
        state = _mix(state + np.array([part & _WORD], np.uint64) * _STEP + _STEP)
    row_state = _mix(_mix(np.asarray(rows, np.int64).astype(np.uint64) * _STEP + state) + _STEP)
    counter = np.asarray(positions, np.int64).astype(np.uint64) + np.uint64(1)
    bits = _mix(row_state + counter * _STEP)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
