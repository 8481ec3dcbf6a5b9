"""Deletion and insertion curves: the probability of the class as tokens are removed or added in order.

The method follows Petsiuk, Das & Saenko (2018): tokens are removed in the order of their attribution, highest
first (deletion: the sooner the probability falls the better), or added in this order (insertion: the sooner
it rises the better). The area under the curve summarises it and must be compared with that of a random order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dnasweep.attribution.intervals import FRACTION, mean_over
from dnasweep.tasks.registry import TASKS

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]

STEPS = 20
"""Maximum number of steps in a curve."""
KINDS = ("deletion", "insertion")
RANDOM = "random order"
"""Name of the random orders among the methods."""


def shows_output(settings: Mapping[str, Any]) -> bool:
    """Return whether the curves of a model show the explained output instead of a probability.

    Parameters
    ----------
    settings
        Settings of the model's attributions.
    """
    return "task" in settings and not TASKS[settings["task"]].has_calls


def counts_of(num_tokens: int, steps: int = STEPS) -> NDArray[np.int64]:
    """Return the number of tokens removed or added at each point of a curve, from 0 to all."""
    points = np.linspace(0, num_tokens, min(steps, num_tokens) + 1)
    return points.round().astype(np.int64)


def curve_masks(order: NDArray[np.int64], steps: int = STEPS) -> Booleans:
    """Return the tokens kept at each point of both curves, deletion first, (2 points, tokens).

    Parameters
    ----------
    order
        Tokens by decreasing attribution.
    steps
        Maximum number of steps in a curve.
    """
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    added = rank < counts_of(len(order), steps)[:, None]
    return np.concatenate([~added, added])


def order_of(phi: Floats) -> NDArray[np.int64]:
    """Return the tokens by decreasing attribution; ties from left to right."""
    return np.argsort(-phi, kind="stable")


def area(shares: Floats, values: Floats) -> float:
    """Return the area under a curve, by the trapezoidal rule."""
    return float(np.trapezoid(values, shares))


def areas(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the area under each curve: sequence_id, method, curve, area.

    Parameters
    ----------
    curves
        sequence_id, method, curve, share, probability; several orders of one method and sequence
        (`repeat`) are averaged.
    """
    keys = ["sequence_id", "method", "curve", "repeat"]
    found = []
    for key, group in curves.groupby(keys, sort=False):
        value = area(group["share"].to_numpy(), group["probability"].to_numpy())
        found.append((*key, value))
    table = pd.DataFrame(found, columns=[*keys, "area"])
    return table.groupby(keys[:-1], sort=False)["area"].mean().reset_index()


def compare_areas(
    table: pd.DataFrame, *, within: tuple[float, float] = FRACTION, seed: int = 0
) -> pd.DataFrame:
    """Return the mean area of each method, and its paired difference from a random order.

    Parameters
    ----------
    table
        Table returned by :func:`areas`.
    within
        Lowest and highest possible area.
    seed
        Seed of the bootstrap.

    Returns
    -------
    summary
        One row per method and curve: method, curve, num, area, area_low, area_high, difference,
        difference_low, difference_high; for deletion a negative difference is good, for insertion
        a positive one.
    """
    rows = []
    for curve in KINDS:
        wide = table[table["curve"] == curve].pivot(
            index="sequence_id", columns="method", values="area"
        )
        for method in table["method"].unique():
            own = mean_over(wide[method].to_numpy(), within=within, seed=seed)
            apart = (wide[method] - wide[RANDOM]).to_numpy()
            most = within[1] - within[0]
            difference = mean_over(apart, within=(-most, most), seed=seed)
            rows.append(
                {
                    "method": method,
                    "curve": curve,
                    "num": own.num,
                    **own.columns("area"),
                    **difference.columns("difference"),
                }
            )
    return pd.DataFrame(rows)
