"""Bases called as a class, written as intervals in a table cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dnasweep.data.base_labels import runs

NO_CALL = "none"
"""Table entry for a class that is not called at any base of a row."""


def intervals_of(rows: Sequence[NDArray[np.int64]], number: int) -> NDArray[Any]:
    """Return the intervals of a class in each row, such as `4-6;9-10`: 0-based and half-open.

    Parameters
    ----------
    rows
        Class of each base of each row.
    number
        Number of the class.
    """
    cells = [
        ";".join(f"{start}-{end}" for start, end, one in runs(row) if one == number) or NO_CALL
        for row in rows
    ]
    return np.array(cells, dtype=object)
