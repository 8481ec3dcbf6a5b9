"""Scores of the k-mer baseline on a table with splits."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.metrics import matthews_corrcoef

from dnasweep.data.baseline import KmerChoice, choose_baseline, kmer_baseline
from dnasweep.data.decision_threshold import best_threshold
from dnasweep.data.learners import mean_auroc


class BaselineScores(NamedTuple):
    """Predictions and scores of the baseline on a table with splits."""

    scores: pd.DataFrame
    """Probabilities for validation and test rows: id, split, label, probability_0, ..."""
    metrics: dict[str, float]
    """Scores by name; see `Audit.baseline`."""
    choice: KmerChoice = KmerChoice()
    """K-mers and regularisation of the baseline."""
    tried: int = 0
    """Number of candidates compared on validation; 0 if validation was too small for tuning."""


def score_baseline(table: pd.DataFrame, *, seed: int = 0) -> BaselineScores:
    """Tune the baseline on validation, fit it on the training rows, and score it on validation and test.

    The threshold for MCC is also chosen on validation. Scores that cannot be computed are left out: all of
    them if train has only one class, or those of a split with only one class. Rows of a class that train
    lacks are also left out.
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
