"""Metrics by name, with unit and direction, and how they are computed.

A full name is `split/metric`, for example `validation/mcc`. Every function here gives finite
numbers for any input, one class only included, so that a search is never fed a NaN.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from dnasweep.tasks.calls import call_classes


class Metric(NamedTuple):
    """What a metric is."""

    unit: str
    """Unit of the number; empty for a ratio without one."""
    direction: Literal["max", "min", ""]
    """Which way is better; empty where neither is."""
    description: str
    """One line for tables."""


LOSS = "loss"
ACCURACY = "accuracy"
MACRO_F1 = "macro_f1"
PRECISION = "precision"
RECALL = "recall"
MCC = "mcc"
AUROC = "auroc"
AUPRC = "auprc"
THRESHOLD = "threshold"
BITS_PER_BASE = "bits_per_base"
PERPLEXITY = "perplexity"
MASKED_ACCURACY = "masked_accuracy"
MASK_RATE = "mask_rate"
MASKED_BASES = "masked_bases"

METRICS: dict[str, Metric] = {
    LOSS: Metric("nats", "min", "mean cross-entropy of a sequence, or of a hidden token"),
    ACCURACY: Metric("", "max", "fraction of sequences called right"),
    MACRO_F1: Metric("", "max", "F1, mean over the classes"),
    PRECISION: Metric("", "max", "precision of class 1; mean over three or more classes"),
    RECALL: Metric("", "max", "recall of class 1; mean over three or more classes"),
    MCC: Metric("", "max", "Matthews correlation coefficient"),
    AUROC: Metric("", "max", "area under the ROC curve; one against the rest, mean"),
    AUPRC: Metric("", "max", "average precision; one against the rest, mean"),
    THRESHOLD: Metric("probability", "", "least probability called class 1"),
    BITS_PER_BASE: Metric("bits", "min", "nats over hidden tokens / hidden bases / ln 2"),
    PERPLEXITY: Metric("", "min", "exp of the mean loss of a hidden token"),
    MASKED_ACCURACY: Metric("", "max", "fraction of hidden tokens guessed right"),
    MASK_RATE: Metric("", "", "fraction of tokens that training hides, special ones not counted"),
    MASKED_BASES: Metric(
        "", "", "fraction of bases that training hides: no visible token has them"
    ),
}
"""Every metric by its bare name."""
CLASSIFIER_METRICS = tuple(
    name
    for name, what in METRICS.items()
    if what.direction and name not in (BITS_PER_BASE, PERPLEXITY, MASKED_ACCURACY)
)
"""Those by which classifiers can be chosen and compared."""


def full_name(metric: str, split: str = "validation") -> str:
    """Return `split/metric`; the metric must be known."""
    if metric not in METRICS:
        raise KeyError(metric)
    return f"{split}/{metric}"


VALIDATION_LOSS = full_name(LOSS)
VALIDATION_MCC = full_name(MCC)
VALIDATION_AUROC = full_name(AUROC)
VALIDATION_PERPLEXITY = full_name(PERPLEXITY)
VALIDATION_BITS_PER_BASE = full_name(BITS_PER_BASE)
VALIDATION_THRESHOLD = full_name(THRESHOLD)


def direction(name: str) -> Literal["max", "min", ""]:
    """Return which way is better for a bare or full metric name."""
    return METRICS[name.rsplit("/", 1)[-1]].direction


def cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean negative log probability of the labels, in nats; probabilities (n, classes)."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.clip(chosen, 1e-12, 1.0)).mean()) if len(labels) else 0.0


def _rank_counts(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return distinct scores, falling, with true and false positives when calling at each."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    positive = np.cumsum(labels[order] == 1)
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    return ordered[last], positive[last], last + 1 - positive[last]


def auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the area under the ROC curve for binary labels, ties counted half; 0.5 for one class."""
    num_positive = int((labels == 1).sum())
    num_negative = len(labels) - num_positive
    if not num_positive or not num_negative:
        return 0.5
    _, true, false = _rank_counts(labels, scores)
    true, false = np.append(0, true), np.append(0, false)
    area = float((np.diff(false) * (true[1:] + true[:-1]) / 2).sum())
    return area / (num_positive * num_negative)


def auprc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the average precision (step-wise, as scikit-learn's); 0 without a positive."""
    num_positive = int((labels == 1).sum())
    if not num_positive:
        return 0.0
    _, true, false = _rank_counts(labels, scores)
    gained = np.diff(np.append(0, true))
    return float((gained * true / (true + false)).sum() / num_positive)


def matthews(labels: np.ndarray, calls: np.ndarray, num_labels: int = 2) -> float:
    """Return the Matthews correlation (Gorodkin's R_K for many classes); 0 where undefined."""
    table = confusion(labels, calls, num_labels).astype(np.float64)
    seen, called, n = table.sum(1), table.sum(0), table.sum()
    covariance = np.trace(table) * n - seen @ called
    spread = np.sqrt(n * n - called @ called) * np.sqrt(n * n - seen @ seen)
    return float(covariance / spread) if spread > 0 else 0.0


def confusion(labels: np.ndarray, calls: np.ndarray, num_labels: int) -> np.ndarray:
    """Return counts by label (rows) and call (columns)."""
    cells = np.asarray(labels, dtype=np.int64) * num_labels + np.asarray(calls, dtype=np.int64)
    return np.bincount(cells, minlength=num_labels**2).reshape(num_labels, num_labels)


def classification_metrics(
    labels: np.ndarray,
    probabilities: np.ndarray,
    threshold: float = 0.5,
    *,
    split: str = "validation",
) -> dict[str, float]:
    """Return every classification metric by full name.

    Parameters
    ----------
    labels
        Class numbers from 0, shape (n,).
    probabilities
        Shape (n, classes), or (n,) for the probability of class 1.
    threshold
        Least probability called class 1; with three or more classes the largest probability
        decides and this is not used.
    split
        Prefix of the names.

    Raises
    ------
    ValueError
        When the shapes differ or there is no row.
    """
    labels = np.asarray(labels, dtype=np.int64)
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim == 1:
        probabilities = np.stack([1 - probabilities, probabilities], axis=1)
    if len(labels) == 0 or len(labels) != len(probabilities):
        raise ValueError(f"{len(labels)} labels for {len(probabilities)} rows of probabilities")
    num_labels = probabilities.shape[1]
    calls = call_classes(probabilities, threshold)
    table = confusion(labels, calls, num_labels)
    hits = np.diag(table).astype(np.float64)
    precision = hits / np.maximum(table.sum(0), 1)
    recall = hits / np.maximum(table.sum(1), 1)
    f1 = 2 * hits / np.maximum(table.sum(0) + table.sum(1), 1)
    scored = [1] if num_labels == 2 else range(num_labels)
    values = {
        LOSS: cross_entropy(labels, probabilities),
        ACCURACY: hits.sum() / len(labels),
        MACRO_F1: f1.mean(),
        PRECISION: precision[scored].mean(),
        RECALL: recall[scored].mean(),
        MCC: matthews(labels, calls, num_labels),
        AUROC: np.mean([auroc((labels == c).astype(int), probabilities[:, c]) for c in scored]),
        AUPRC: np.mean([auprc((labels == c).astype(int), probabilities[:, c]) for c in scored]),
        THRESHOLD: threshold,
    }
    return {full_name(name, split): float(value) for name, value in values.items()}
