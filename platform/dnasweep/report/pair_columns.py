"""How pages show pairwise tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dnasweep.tasks.metrics import METRICS
from dnasweep.tasks.wording import interval


def verdict_columns(table: pd.DataFrame) -> dict[str, Any]:
    """Return the columns of the tests over rows and seeds, for :meth:`pandas.DataFrame.assign`."""
    found: dict[str, Any] = {}
    for metric in METRICS:
        if f"{metric}_difference" not in table:
            continue
        found |= {
            f"{metric}_difference": table[f"{metric}_difference"],
            f"{metric}_interval": intervals(table, metric),
            f"{metric}_p_adjusted": table[f"{metric}_p_adjusted"],
        }
    return found


def intervals(table: pd.DataFrame, metric: str) -> list[str]:
    """Return the intervals of the differences of a metric as text."""
    return list(map(interval, table[f"{metric}_low"], table[f"{metric}_high"]))


def marked(sure: pd.Series) -> list[str]:
    """Return a mark for each row whose value is true."""
    return list(np.where(sure, "chosen", ""))


def ensembles(table: pd.DataFrame, first: Sequence[str] = ("a", "b")) -> pd.DataFrame:
    """Return the tests between ensembles in the form shown on pages."""
    found: dict[str, Any] = {}
    for metric in METRICS:
        name = f"ensemble_{metric}"
        if f"{name}_low" in table:
            found[f"{name}_difference"] = table[f"{name}_difference"]
            found[f"{name}_interval"] = intervals(table, name)
            found[f"{name}_p_adjusted"] = table[f"{name}_p_adjusted"]
        elif f"{name}_difference" in table:
            found[f"{name}_difference"] = table[f"{name}_difference"]
            found["ensemble_delong_p_adjusted"] = table["ensemble_delong_p_adjusted"]
    return table[list(first)].assign(**found)
