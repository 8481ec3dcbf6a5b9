"""Lengths and base composition by class and split."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import pandas as pd

from dnasweep.data.table import SPLITS


def composition(table: pd.DataFrame) -> pd.DataFrame:
    """Return counts, lengths and base composition by split and label; see `Audit.table`."""
    sequence = table["sequence"]
    c, g = sequence.str.count("C"), sequence.str.count("G")
    known = c + g + sequence.str.count("[AT]")
    bases = sequence.str.len()
    rows = pd.DataFrame(
        {
            "split": pd.Categorical(table["split"], (*SPLITS, "")),
            "label": table["label"].astype("int64"),
            "bases": bases,
            "gc": ((c + g) / known.where(known > 0)).astype(float).fillna(0),
            "cpg": sequence.str.count("CG"),
            "expected_cpg": c * g / bases,
            "unknown": bases - known,
            "species": table["species"],
        }
    )
    found = (
        rows.groupby(["split", "label"], observed=True)
        .agg(
            rows=("bases", "size"),
            shortest=("bases", "min"),
            median=("bases", "median"),
            longest=("bases", "max"),
            gc=("gc", "mean"),
            cpg=("cpg", "sum"),
            unknown=("unknown", "sum"),
            species=("species", "nunique"),
            bases=("bases", "sum"),
            expected_cpg=("expected_cpg", "sum"),
        )
        .reset_index()
        .astype({"split": "str", "median": float})
    )
    total, expected = found.pop("bases"), found.pop("expected_cpg")
    return found.assign(
        gc=found["gc"].round(4),
        cpg=(found["cpg"] / expected.where(expected > 0)).fillna(0).round(4),
        unknown=(found["unknown"] / total).round(6),
    )


class Separation(NamedTuple):
    """How well a number separates the classes."""

    auroc: float
    """The largest AUROC of one class against the rest, from 0.5 to 1."""
    surprising: bool
    """Whether `auroc` is at least 0.55 and four standard errors above chance."""


def separation(values: pd.Series, labels: pd.Series) -> Separation:
    """Return how well a number separates the classes; 0.5 if there is one class or one value."""
    found = Separation(0.5, False)
    if labels.nunique() < 2 or values.nunique() < 2:
        return found
    # Imported here because it is slow and the options of commands import this file.
    from sklearn.metrics import roc_auc_score

    for label in labels.unique():
        mine = labels == label
        score = float(roc_auc_score(mine, values))
        score = max(score, 1 - score)
        num, rest = int(mine.sum()), int((~mine).sum())
        error = sqrt((num + rest + 1) / (12 * num * rest))
        found = max(found, Separation(score, score - 0.5 >= max(0.05, 4 * error)))
    return found
