"""Interactions as a table: one row per pair of tokens, beside the tables of tokens and sequences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from dnasweep.attribution.attribution import Attribution

INTERACTIONS = pa.schema(
    [
        pa.field("sequence_id", pa.string(), nullable=False),
        # Numbers of the tokens in the sequence, and their bases [start, end).
        pa.field("first_index", pa.int32(), nullable=False),
        pa.field("second_index", pa.int32(), nullable=False),
        pa.field("first_start", pa.int32(), nullable=False),
        pa.field("first_end", pa.int32(), nullable=False),
        pa.field("second_start", pa.int32(), nullable=False),
        pa.field("second_end", pa.int32(), nullable=False),
        # Shapley interaction index; the strongest pair of a sequence comes first.
        pa.field("interaction", pa.float64(), nullable=False),
        # Standard error of the interaction; 0 if it is exact.
        pa.field("standard_error", pa.float64(), nullable=False),
    ]
)
"""Schema of the table `interactions`."""


def interaction_columns(ids: pa.Array, attributions: Sequence[Attribution]) -> dict[str, Any]:
    """Return the columns of the table.

    Parameters
    ----------
    ids
        Ids of the sequences.
    attributions
        One per sequence, each with its interactions.
    """
    found = [one.interactions for one in attributions]
    known = [one for one in found if one is not None]
    if len(known) != len(attributions):
        raise ValueError("an attribution lacks its interactions")
    owner = np.repeat(np.arange(len(known)), [len(one.value) for one in known])
    columns: dict[str, Any] = {"sequence_id": ids.take(pa.array(owner))}

    def joined(parts: Sequence[Any], kind: type) -> Any:
        return np.concatenate([np.empty(0, kind), *parts]).astype(kind)

    for place in ("first", "second"):
        tokens = [getattr(one, place) for one in known]
        columns[f"{place}_index"] = joined(tokens, np.int32)
        for end in ("start", "end"):
            bases = [
                getattr(one, f"{end}s")[index]
                for one, index in zip(attributions, tokens, strict=True)
            ]
            columns[f"{place}_{end}"] = joined(bases, np.int32)
    columns["interaction"] = joined([one.value for one in known], np.float64)
    columns["standard_error"] = joined([one.standard_error for one in known], np.float64)
    return columns
