"""Lengths and base composition of the classes, split by split."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import pandas as pd
from sklearn.metrics import roc_auc_score

from dnasweep.data.table import SPLITS


def composition(table: pd.DataFrame) -> pd.DataFrame:
    """Return counts, lengths and base composition by split and label; see `Audit.table`."""
    sequence = table["sequence"]
    c, g = sequence.str.count("C"), sequence.str.count("G")
    known = c + g + sequence.str.count("[AT]")
    bases = sequence.str.len()
    rows = pd.DataFrame(
        {
            "split": table["split"],
            "label": table["label"].astype(int),
            "bases": bases,
            "gc": ((c + g) / known.where(known > 0)).astype(float),
            "c": c / bases,
            "g": g / bases,
            "cg": sequence.str.count("CG") / bases,
            "unknown": bases - known,
            "species": table["species"],
        }
    )
    records = []
    classes = [
        (split, label, rows[(rows["split"] == split) & (rows["label"] == label)])
        for split in (*SPLITS, "")
        for label in sorted(rows["label"].unique())
    ]
    for split, label, part in classes:
        if part.empty:
            continue
        expected = float((part["c"] * part["g"] * part["bases"]).sum())
        records.append(
            {
                "split": split,
                "label": int(label),
                "rows": len(part),
                "shortest": int(part["bases"].min()),
                "median": float(part["bases"].median()),
                "longest": int(part["bases"].max()),
                "gc": round(float(part["gc"].fillna(0).mean()), 4),
                "cpg": round(float((part["cg"] * part["bases"]).sum()) / expected, 4)
                if expected
                else 0.0,
                "unknown": round(float(part["unknown"].sum() / part["bases"].sum()), 6),
                "species": int(part["species"].nunique()),
            }
        )
    return pd.DataFrame(records)


class Separation(NamedTuple):
    """How well a number separates the classes."""

    auroc: float
    """The largest AUROC of one class against the rest, from 0.5 to 1."""
    surprising: bool
    """Whether that is 0.55 or more and four standard errors above chance."""


def separation(values: pd.Series, labels: pd.Series) -> Separation:
    """Return how well a number separates the classes; 0.5 if there is one class or one value."""
    found = Separation(0.5, False)
    if labels.nunique() < 2 or values.nunique() < 2:
        return found
    for label in labels.unique():
        mine = labels == label
        score = float(roc_auc_score(mine, values))
        score = max(score, 1 - score)
        num, rest = int(mine.sum()), int((~mine).sum())
        error = sqrt((num + rest + 1) / (12 * num * rest))
        found = max(found, Separation(score, score - 0.5 >= max(0.05, 4 * error)))
    return found
