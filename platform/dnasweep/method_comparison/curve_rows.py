"""The work list of deletion and insertion curves: orders of removing or adding tokens. Does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from dnasweep.attribution.tables import StoredAttributions
from dnasweep.method_comparison.curves import RANDOM, STEPS, order_of

COLUMNS = ("row", "id", "sequence", "method", "repeat", "order")
"""Columns of the work list: one row per order of the tokens of a sequence."""


def curve_work(
    found: Mapping[str, StoredAttributions], *, repeats: int = 3, seed: int = 0
) -> pa.Table:
    """Return the work list of curves for some methods and for random orders.

    It contains the sequences that the model calls the explained class, or all sequences if there are none.

    Parameters
    ----------
    found
        Attributions of the same sequences by method.
    repeats
        Number of random orders per sequence.
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
    # Orders with the same number of tokens are computed together.
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
    """Return the settings that determine the curves, from the settings of one of the explanations.

    They must contain `reference` and `seed`, which some methods do not have.
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
