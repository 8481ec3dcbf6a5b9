"""The worker of a design job, which edits the sequences of a shard together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from dnasweep.genomics.sequence_values import SequenceValues
from dnasweep.storage import Storage
from dnasweep.synthetic.constraints import GcRange
from dnasweep.synthetic.gradient_gains import gradient_gains
from dnasweep.synthetic.greedy import Search, design

EDITS = pa.schema(
    {
        "id": pa.large_string(),
        "step": pa.int32(),
        "position": pa.int32(),
        "old": pa.string(),
        "new": pa.string(),
        "output": pa.float64(),
    }
)
"""Columns of the table of edits."""


class DesignWorker:
    """Edits sequences to raise or lower a model's output.

    Parameters
    ----------
    storage, kind, key
        Storage, and kind and key of the model's artefact in it.
    settings
        Settings of the job.
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
        self._search = Search(
            sign=1 if settings["goal"] == "raise" else -1,
            most_edits=settings["edits"],
            gc=GcRange(*settings["gc"]),
            beam=settings["beam"],
            preselect=settings["preselect"],
        )

    def smoke_test(self, rows: pa.Table) -> None:
        """Compute the output of the first sequence, and its gradient if needed."""
        sequence = rows["sequence"].to_pylist()[:1]
        self._model.log_odds(sequence)
        if self._search.preselect is not None:
            gradient_gains(self._model, sequence, [sequence])

    def compute(
        self, rows: pa.Table, progress: Callable[[int], None]
    ) -> tuple[dict[str, pa.Table], dict[str, Any]]:
        """Return the designs of a shard with their edits, and the number of evaluations."""
        ids, sequences = rows["id"].to_pylist(), rows["sequence"].to_pylist()
        kept = [
            np.frombuffer(one.encode(), np.uint8) == ord("1") for one in rows["kept"].to_pylist()
        ]
        evals = 0

        def score(texts: Any) -> Any:
            nonlocal evals
            evals += len(texts)
            return self._model.log_odds(texts)

        most = self._search.most_edits
        found = design(
            sequences,
            kept,
            self._search,
            score,
            expect=partial(gradient_gains, self._model),
            progress=lambda steps: progress(len(ids) * steps // most),
        )
        progress(len(ids))
        designs = pa.table(
            {
                "id": rows["id"],
                "sequence": rows["sequence"],
                "designed": pa.array([one.designed for one in found], pa.large_string()),
                "output": pa.array([one.output for one in found], pa.float64()),
                "designed_output": pa.array([one.designed_output for one in found], pa.float64()),
                "num_edits": pa.array([len(one.edits) for one in found], pa.int32()),
            }
        )
        flat = [
            {"id": name, "step": step + 1, **edit._asdict()}
            for name, one in zip(ids, found, strict=True)
            for step, edit in enumerate(one.edits)
        ]
        edits = pa.Table.from_pylist(flat, schema=EDITS)
        facts = {"num_evals": evals, "num_edits": len(flat)}
        return {"designs": designs, "edits": edits}, facts
