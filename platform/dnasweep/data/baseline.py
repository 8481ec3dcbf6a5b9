"""The baseline every model must beat: k-mer counts and logistic regression."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import matthews_corrcoef, roc_auc_score
from sklearn.preprocessing import StandardScaler

from dnasweep.data.decision_threshold import best_threshold
from dnasweep.errors import InputError
from dnasweep.formats.bases import UNKNOWN, FlatCodes, encode_flat

KMER_SIZES = (3, 4, 5)
"""Sizes counted by the baseline."""


def kmer_counts(sequences: Sequence[str], *, ks: Sequence[int] = KMER_SIZES) -> csr_matrix:
    """Return counts of overlapping k-mers, (sequences, sum of 4^k), sparse.

    K-mers with other letters than ACGT are not counted; the reading strand matters.

    Parameters
    ----------
    sequences
        DNA of any lengths.
    ks
        Sizes of k-mers, each at least 1; their columns are side by side, AA...A first.
    """
    flat = encode_flat(sequences)
    return hstack([_counts(flat, k) for k in ks], format="csr", dtype=np.float64)


def kmer_baseline(
    train_sequences: Sequence[str],
    train_labels: ArrayLike,
    sequences: Sequence[str],
    *,
    ks: Sequence[int] = KMER_SIZES,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return class probabilities of `sequences` from a logistic regression on k-mer counts.

    Parameters
    ----------
    train_sequences, train_labels
        What the regression is fitted on; labels are small integers from 0.
    sequences
        What it is applied to.
    ks
        Sizes of k-mers.
    seed
        Seeds the solver, where it draws at all.

    Returns
    -------
    (sequences, classes) probabilities; column c is label c, classes = largest training label + 1.

    Raises
    ------
    InputError
        If the training rows hold fewer than two classes.
    """
    labels = np.asarray(train_labels)
    classes = np.unique(labels)
    if len(classes) < 2:
        raise InputError(
            "the training rows hold one class only", remedy="Give rows of both classes."
        )
    scaler = StandardScaler(with_mean=False)
    train = scaler.fit_transform(kmer_counts(train_sequences, ks=ks))
    # The regularisation is for counts scaled to unit variance.
    model = LogisticRegression(C=1e-3, max_iter=300, random_state=seed % 2**32)
    with warnings.catch_warnings():
        # Stopping early only makes the baseline slightly weaker; the user need not do anything.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(train, labels)
    probabilities = np.zeros((len(sequences), int(classes.max()) + 1))
    if len(sequences):
        found = model.predict_proba(scaler.transform(kmer_counts(sequences, ks=ks)))
        probabilities[:, classes.astype(int)] = found
    return probabilities


class BaselineScores(NamedTuple):
    """What the baseline reaches on a table with splits."""

    scores: pd.DataFrame
    """Probabilities for validation and test rows: id, split, label, probability_0, ..."""
    metrics: dict[str, float]
    """By name; see `Audit.baseline`."""


def score_baseline(table: pd.DataFrame, *, seed: int = 0) -> BaselineScores:
    """Fit the baseline on the training rows of a table and score it on validation and test.

    The threshold of MCC is chosen on validation. What cannot be computed is left out: everything if
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
    found = kmer_baseline(*fitted, held["sequence"].tolist(), seed=seed)
    scores = held[["id", "split", "label"]].reset_index(drop=True)
    for column in range(found.shape[1]):
        scores[f"probability_{column}"] = found[:, column]
    metrics: dict[str, float] = {}
    validation = (scores["split"] == "validation").to_numpy()
    labels = scores["label"].to_numpy()
    threshold = 0.5
    if found.shape[1] == 2:
        threshold = best_threshold(labels[validation], found[validation, 1])
        metrics["threshold"] = threshold
    for split, rows in (("validation", validation), ("test", ~validation)):
        if len(np.unique(labels[rows])) < 2:
            continue
        metrics[f"{split}/auroc"] = _auroc(labels[rows], found[rows])
        if found.shape[1] == 2:
            called = (found[rows, 1] >= threshold).astype(int)
        else:
            called = found[rows].argmax(axis=1)
        metrics[f"{split}/mcc"] = float(matthews_corrcoef(labels[rows], called))
    if "validation/auroc" in metrics:
        texts = held["sequence"][(held["split"] == "validation").to_numpy()].tolist()
        small = kmer_baseline(*fitted, texts, ks=(3,), seed=seed)
        metrics["validation/auroc_3mer"] = _auroc(labels[validation], small)
    return BaselineScores(scores, metrics)


def _auroc(labels: NDArray[np.integer], probabilities: NDArray[np.float64]) -> float:
    if probabilities.shape[1] == 2:
        return float(roc_auc_score(labels, probabilities[:, 1]))
    present = np.unique(labels)
    found = [roc_auc_score(labels == c, probabilities[:, c]) for c in present]
    return float(np.mean(found))


def _counts(flat: FlatCodes, k: int) -> csr_matrix:
    num = len(flat.offsets) - 1
    size = len(flat.codes) - k + 1
    shape = (num, 4**k)
    if size <= 0:
        return csr_matrix(shape)
    code = np.zeros(size, dtype=np.int32)
    whole = np.ones(size, dtype=bool)
    for offset in range(k):
        codes = flat.codes[offset : offset + size]
        code = code * 4 + codes
        whole &= codes != UNKNOWN
    owner = np.repeat(np.arange(num), np.diff(flat.offsets))
    whole &= owner[:size] == owner[k - 1 :]
    chosen = np.flatnonzero(whole)
    ones = np.ones(len(chosen), dtype=np.float64)
    counts = csr_matrix((ones, (owner[chosen], code[chosen])), shape=shape)
    counts.sum_duplicates()
    return counts
