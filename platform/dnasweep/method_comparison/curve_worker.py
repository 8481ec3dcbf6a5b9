"""Computation of one shard of the work list of deletion and insertion curves.

A curve shows the probability of the class. If the model predicts bases or bins, this probability is close to
certainty for the sequence as a whole, and predicted numbers have no probability: in these cases the curve
shows the output itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.special import expit

from dnasweep.attribution.engine import SEQUENCES_AT_ONCE
from dnasweep.attribution.worker import ExplainerWorker
from dnasweep.method_comparison.curves import KINDS, counts_of, curve_masks, shows_output


class CurveWorker(ExplainerWorker):
    """Computes the probability of the class, or the output, as tokens are removed or added in order.

    Parameters as in :class:`~dnasweep.attribution.worker.ExplainerWorker`, with settings from
    :func:`~dnasweep.method_comparison.curve_rows.curve_settings`.
    """

    def smoke_test(self, rows: pa.Table) -> None:
        """Compute one curve."""
        self.compute(rows.slice(0, 1), lambda done: None)

    def compute(
        self, rows: pa.Table, progress: Callable[[int], None]
    ) -> tuple[dict[str, pa.Table], dict[str, Any]]:
        """Return the points of all curves of a shard, and its counts."""
        steps = int(self.settings["steps"])
        orders = [np.array(text.split(","), np.int64) for text in rows["order"].to_pylist()]
        sequences = rows["sequence"].to_pylist()
        parts = []
        for start in range(0, len(rows), SEQUENCES_AT_ONCE):
            here = slice(start, min(len(rows), start + SEQUENCES_AT_ONCE))
            masks = [curve_masks(order, steps) for order in orders[here]]
            parts += self.explainer.values(sequences[here], masks)
            progress(here.stop)
        points = [counts_of(len(order), steps) / len(order) for order in orders]
        owner = np.repeat(np.arange(len(rows)), [len(part) for part in parts])
        names = {name: rows[name].take(pa.array(owner)) for name in ("id", "method", "repeat")}
        curve = [kind for one in points for kind in KINDS for _ in one]
        table = pa.table(
            {
                "sequence_id": names["id"],
                "method": names["method"],
                "repeat": names["repeat"],
                "curve": pa.array(curve, pa.string()),
                "share": np.concatenate([share for one in points for share in (one, one)]),
                "probability": self._shown(np.concatenate(parts)),
            }
        )
        return {"curves": table}, {"num_evals": len(table)}

    def _shown(self, outputs: np.ndarray) -> np.ndarray:
        return outputs if shows_output(self.settings) else np.asarray(expit(outputs))
