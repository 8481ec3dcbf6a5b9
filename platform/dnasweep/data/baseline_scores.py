"""What the k-mer baseline reaches on a table with splits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import matthews_corrcoef

from dnasweep.data.baseline import KmerChoice, choose_baseline, kmer_baseline
from dnasweep.data.decision_threshold import best_threshold
from dnasweep.data.learners import mean_auroc


class BaselineScores(NamedTuple):
    """What the baseline reaches on a table with splits."""

    scores: pd.DataFrame
    """Probabilities for validation and test rows: id, split, label, probability_0, ..."""
    metrics: dict[str, float]
    """By name; see `Audit.baseline`."""
    choice: KmerChoice = KmerChoice()
    """What it counts."""
    tried: int = 0
    """Candidates that it was chosen among on validation; 0: validation was too small to choose."""


def score_baseline(table: pd.DataFrame, *, seed: int = 0) -> BaselineScores:
    """Choose the baseline on validation, fit it on the training rows, and score it on both others.

    The threshold of MCC is chosen on validation too. What cannot be computed is left out: everything if
    train has one class only, or the scores of a split that has. Rows of a class that train lacks
    are left out as well.
    """
    known = table[table["label"] >= 0]
    train = known[known["split"] == "train"]
    held = known[known["split"].isin(("validation", "test"))]
    held = held[held["label"].isin(train["label"].unique())]
    if train["label"].nunique() < 2 or held.empty:
        return BaselineScores(pd.DataFrame(), {})
    fitted = (train["sequence"].tolist(), train["label"].to_numpy())
    validation = (held["split"] == "validation").to_numpy()
    labels = held["label"].to_numpy()
    texts = held["sequence"][validation].tolist()
    choices = choose_baseline(*fitted, texts, labels[validation], seed=seed)
    found = kmer_baseline(*fitted, held["sequence"].tolist(), choice=choices.best, seed=seed)
    scores = held[["id", "split", "label"]].reset_index(drop=True)
    for column in range(found.shape[1]):
        scores[f"probability_{column}"] = found[:, column]
    metrics: dict[str, float] = {}
    threshold = 0.5
    if found.shape[1] == 2:
        threshold = best_threshold(labels[validation], found[validation, 1])
        metrics["threshold"] = threshold
    for split, rows in (("validation", validation), ("test", ~validation)):
        if len(np.unique(labels[rows])) < 2:
            continue
        metrics[f"{split}/auroc"] = mean_auroc(labels[rows], found[rows])
        if found.shape[1] == 2:
            called = (found[rows, 1] >= threshold).astype(int)
        else:
            called = found[rows].argmax(axis=1)
        metrics[f"{split}/mcc"] = float(matthews_corrcoef(labels[rows], called))
    if "validation/auroc" in metrics:
        small = kmer_baseline(*fitted, texts, choice=KmerChoice(ks=(3,)), seed=seed)
        metrics["validation/auroc_3mer"] = mean_auroc(labels[validation], small)
    return BaselineScores(scores, metrics, choices.best, len(choices.scores))
