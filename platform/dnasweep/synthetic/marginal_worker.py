"""The worker of a marginalisation, which computes one shard of the backgrounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from dnasweep.genomics.sequence_values import SequenceValues
from dnasweep.storage import Storage
from dnasweep.synthetic.arrangements import Arrangements

MOST_SEQUENCES = 4096
"""Maximum number of sequences encoded together."""


class MarginalWorker:
    """Computes a model's output for backgrounds under every condition.

    Parameters
    ----------
    storage, kind, key
        Storage, and kind and key of the model's artefact in it.
    settings
        Settings of the job: `target`, `batch_rows`, `precision`, and the settings of the arrangements.
    device
        `cpu` or `cuda`.
    """

    def __init__(
        self, *, storage: str, kind: str, key: str, settings: Mapping[str, Any], device: str
    ) -> None:
        self._model = SequenceValues(
            Storage(storage).expect(kind, key),
            target=settings["target"],
            batch_rows=settings["batch_rows"],
            precision=settings["precision"],
            device=device,
        )
        self._model.if_too_long = "Shorten the sequences with --crop."
        self._conditions = Arrangements.of(settings).conditions

    def smoke_test(self, rows: pa.Table) -> None:
        """Compute the first background."""
        self.compute(rows.slice(0, 1), lambda done: None)

    def compute(
        self, rows: pa.Table, progress: Callable[[int], None]
    ) -> tuple[dict[str, pa.Table], dict[str, Any]]:
        """Return the outputs of a shard: for each background, one number per condition."""
        given = [rows[name].to_pylist() for name in ("id", "sequence", "motif", "other")]
        num = len(self._conditions)
        at_once = max(1, MOST_SEQUENCES // num)
        parts = []
        for start in range(0, len(rows), at_once):
            ids, *texts = (column[start : start + at_once] for column in given)
            made = [
                one.apply(*three) for three in zip(*texts, strict=True) for one in self._conditions
            ]
            name = partial(_name, ids, num)
            parts.append(self._model.log_odds(made, name=name))
            progress(start + len(ids))
        flat = np.concatenate(parts)
        outputs = pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float64()), num)
        table = pa.table({"id": rows["id"], "outputs": outputs})
        return {"outputs": table}, {"num_evals": len(flat)}


def _name(ids: list[str], num: int, row: int) -> str:
    return f"background {ids[row // num]!r}"
