"""How pages show tests between pairs, of whatever was compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dnasweep.sweeps.seed_tests import METRICS
from dnasweep.tasks.wording import interval


def verdict_columns(table: pd.DataFrame) -> dict[str, Any]:
    """Return the columns of the tests over rows and seeds, for :meth:`pandas.DataFrame.assign`."""
    found: dict[str, Any] = {}
    for metric in METRICS:
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
    """Mark the rows for which it is so."""
    return list(np.where(sure, "chosen", ""))


def ensembles(table: pd.DataFrame, first: Sequence[str] = ("a", "b")) -> pd.DataFrame:
    """Return the tests between ensembles as pages show them."""
    return table[list(first)].assign(
        ensemble_mcc_difference=table["ensemble_mcc_difference"],
        ensemble_mcc_interval=intervals(table, "ensemble_mcc"),
        ensemble_mcc_p_adjusted=table["ensemble_mcc_p_adjusted"],
        ensemble_auroc_difference=table["ensemble_auroc_difference"],
        ensemble_delong_p_adjusted=table["ensemble_delong_p_adjusted"],
    )
