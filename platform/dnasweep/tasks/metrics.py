"""Metrics by name, with unit and direction, and how they are computed.

A full name is `split/metric`, for example `validation/mcc`. The numbers are scikit-learn's, and finite
also where those are undefined, as for rows of one class, so that a search never gets a NaN.
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
    LOSS: Metric("nats", "min", "mean cross-entropy of a sequence, or of a masked token"),
    ACCURACY: Metric("", "max", "fraction of sequences called right"),
    MACRO_F1: Metric("", "max", "F1, mean over the classes"),
    PRECISION: Metric("", "max", "precision of class 1; mean over three or more classes"),
    RECALL: Metric("", "max", "recall of class 1; mean over three or more classes"),
    MCC: Metric("", "max", "Matthews correlation coefficient"),
    AUROC: Metric("", "max", "area under the ROC curve; one against the rest, mean"),
    AUPRC: Metric("", "max", "average precision; one against the rest, mean"),
    THRESHOLD: Metric("probability", "", "least probability called class 1"),
    BITS_PER_BASE: Metric("bits", "min", "nats over masked tokens / masked bases / ln 2"),
    PERPLEXITY: Metric("", "min", "exp of the mean loss of a masked token"),
    MASKED_ACCURACY: Metric("", "max", "fraction of masked tokens guessed right"),
    MASK_RATE: Metric("", "", "fraction of tokens that training masks, special ones not counted"),
    MASKED_BASES: Metric(
        "", "", "fraction of bases that training masks: no visible token has them"
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
    """Return which way is better for a bare or full metric name.

    Examples
    --------
    >>> direction("test/mcc"), direction("loss")
    ('max', 'min')
    """
    return METRICS[name.rsplit("/", 1)[-1]].direction


def auroc(positive: np.ndarray, scores: np.ndarray) -> float:
    """Return the area under the ROC curve, (n,) booleans and scores; 0.5 for rows of one class.

    Examples
    --------
    >>> auroc(np.array([False, True, False, True]), np.array([0.1, 0.4, 0.5, 0.9]))
    0.75
    """
    if positive.all() or not positive.any():
        return 0.5
    # Imported here, as below: it is slow, and the options of commands import this file.
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, scores))


def _auprc(positive: np.ndarray, scores: np.ndarray) -> float:
    """Return the average precision; 0 without a positive row."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(positive, scores)) if positive.any() else 0.0


def _matthews(labels: np.ndarray, calls: np.ndarray) -> float:
    """Return the Matthews correlation (Gorodkin's R_K for many classes); 0 where undefined."""
    from sklearn.metrics import matthews_corrcoef

    # scikit-learn warns where there is one class only.
    one_class = len(np.union1d(labels, calls)) < 2
    return 0.0 if one_class else float(matthews_corrcoef(labels, calls))


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

    Examples
    --------
    >>> probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.2, 0.8]])
    >>> found = classification_metrics(np.array([0, 0, 1, 1]), probabilities, split="test")
    >>> round(found["test/mcc"], 3), found["test/recall"]
    (0.577, 1.0)
    """
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    labels = np.asarray(labels, dtype=np.int64)
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if probabilities.ndim == 1:
        probabilities = np.stack([1 - probabilities, probabilities], axis=1)
    if len(labels) == 0 or len(labels) != len(probabilities):
        raise ValueError(f"{len(labels)} labels for {len(probabilities)} rows of probabilities")
    num_labels = probabilities.shape[1]
    calls = call_classes(probabilities, threshold)
    classes = np.arange(num_labels)
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, calls, labels=classes, zero_division=0.0
    )
    scored = classes[1:] if num_labels == 2 else classes
    of_label = np.clip(probabilities[np.arange(len(labels)), labels], 1e-12, 1.0)
    values = {
        LOSS: -np.log(of_label).mean(),
        ACCURACY: accuracy_score(labels, calls),
        MACRO_F1: f1.mean(),
        PRECISION: precision[scored].mean(),
        RECALL: recall[scored].mean(),
        MCC: _matthews(labels, calls),
        AUROC: np.mean([auroc(labels == c, probabilities[:, c]) for c in scored]),
        AUPRC: np.mean([_auprc(labels == c, probabilities[:, c]) for c in scored]),
        THRESHOLD: threshold,
    }
    return {full_name(name, split): float(value) for name, value in values.items()}
