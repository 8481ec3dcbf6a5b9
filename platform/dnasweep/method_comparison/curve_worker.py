"""What a job of deletion and insertion curves does with one shard of its work list.

A curve is of the probability of the class. What is said of places in a sequence is nearly certain of the
sequence as a whole, and numbers have no probability: there it is of the output itself.
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

    Parameters as of :class:`~dnasweep.attribution.worker.ExplainerWorker`, with settings by
    :func:`~dnasweep.method_comparison.curve_rows.curve_settings`.
    """

    def smoke_test(self, rows: pa.Table) -> None:
        """Compute one curve."""
        self.compute(rows.slice(0, 1), lambda done: None)

    def compute(
        self, rows: pa.Table, progress: Callable[[int], None]
    ) -> tuple[dict[str, pa.Table], dict[str, Any]]:
        """Return the points of every curve of a shard, and its counts."""
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
<<<<<<< HEAD

    def _shown(self, outputs: np.ndarray) -> np.ndarray:
        return outputs if shows_output(self.settings) else np.asarray(expit(outputs))


def curve_work(
    found: Mapping[str, StoredAttributions], *, repeats: int = 3, seed: int = 0
) -> pa.Table:
    """Return the work list of the curves of some methods, and of random orders beside them.

    It has the sequences that the model calls the class explained; all where there are none.

    Parameters
    ----------
    found
        Attributions of the same sequences by method.
    repeats
        Random orders per sequence.
    seed
        Seed of the random orders.
    """
    first = next(iter(found.values())).sequences
    called = first["called"].to_numpy(bool)
    kept = first[called] if called.any() else first
    rows: list[tuple[str, str, str, int, str]] = []
    for method, attributions in found.items():
        phi = {
            name: part.to_numpy()
            for name, part in attributions.tokens.groupby("sequence_id")["phi"]
        }
        for name, sequence in zip(kept["sequence_id"], kept["sequence"], strict=True):
            rows.append((name, sequence, method, 0, _text(order_of(phi[name]))))
    for number, (name, sequence, num) in enumerate(
        zip(kept["sequence_id"], kept["sequence"], kept["num_tokens"], strict=True)
    ):
        rng = np.random.default_rng([seed, number])
        for repeat in range(repeats):
            rows.append((name, sequence, RANDOM, repeat, _text(rng.permutation(int(num)))))
    table = pd.DataFrame(rows, columns=list(COLUMNS[1:]))
    # Orders of the same number of tokens are computed together.
    table = table.iloc[np.argsort(-table["order"].str.count(",").to_numpy(), kind="stable")]
    return pa.table(
        {
            "row": pa.array(np.arange(len(table)), pa.int64()),
            **{n: pa.array(table[n], pa.large_string()) for n in ("id", "sequence", "method")},
            "repeat": pa.array(table["repeat"], pa.int64()),
            "order": pa.array(table["order"], pa.large_string()),
        }
    )


def curve_settings(settings: Mapping[str, Any], steps: int = STEPS) -> dict[str, Any]:
    """Return what determines the curves, from the settings of one of the explanations.

    `reference` and `seed` have to be among them; some methods have no such settings.
    """
    names = ("target", "model", "classes", "tokenizer", "engine", "precision", "precision_bound")
    return {
        **{name: settings[name] for name in (*names, "reference", "seed")},
        **{name: settings[name] for name in ("task",) if name in settings},
        "value": settings["value"] if settings.get("unit") else "log_odds",
        "steps": steps,
    }


def _text(order: np.ndarray) -> str:
    return ",".join(map(str, order.tolist()))
=======
>>>>>>> c28a5da (Make plans without torch where they need none, and pages that say what was found in plain words)
