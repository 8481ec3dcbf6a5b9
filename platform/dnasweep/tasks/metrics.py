"""Metrics by name, with unit, direction and computation.

A full name is `split/metric`, for example `validation/mcc`. Values are those of scikit-learn, but
are also finite where these are undefined, for example for rows of one class, so a search never
gets a NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from dnasweep.data.decision_threshold import matthews
from dnasweep.errors import InputError
from dnasweep.tasks.calls import call_classes


class Metric(NamedTuple):
    """Definition of a metric."""

    unit: str
    """Unit of the number; empty for a ratio without one."""
    direction: Literal["max", "min", ""]
    """Whether larger or smaller values are better; empty if neither is."""
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
PEARSON = "pearson"
SPEARMAN = "spearman"
R2 = "r2"
RMSE = "rmse"
TOP_K = "top_k"
ROW_PEARSON = "row_pearson"
DEVIANCE = "deviance_explained"
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
    PEARSON: Metric("", "max", "Pearson correlation of predicted and measured; mean over outputs"),
    SPEARMAN: Metric("", "max", "Spearman correlation of them; mean over outputs"),
    R2: Metric("", "max", "share of the variance that is explained; mean over outputs"),
    RMSE: Metric("unit of the labels", "min", "root mean squared error; mean over outputs"),
    TOP_K: Metric(
        "", "max", "share of true bases among as many of the likeliest ones; mean over classes"
    ),
    ROW_PEARSON: Metric("", "max", "Pearson correlation over the bins of a row; mean over rows"),
    DEVIANCE: Metric(
        "", "max", "share of the Poisson deviance that is explained; mean over tracks"
    ),
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
CLASS_METRICS = (LOSS, ACCURACY, MACRO_F1, PRECISION, RECALL, MCC, AUROC, AUPRC)
"""Metrics for selecting and comparing classifiers."""
SELECTION_METRICS = (*CLASS_METRICS, PEARSON, SPEARMAN, R2, RMSE, TOP_K, ROW_PEARSON, DEVIANCE)
"""Metrics for selecting and comparing models of any task."""


def check_metric(name: str, known: Sequence[str]) -> None:
    """Raise `InputError` unless models can be selected by a metric.

    Parameters
    ----------
    name
        Name of the metric without the split.
    known
        Names that exist.
    """
    if name not in known:
        # Before the labels are read, it is not known which of all metrics they have.
        which = "one that fits your labels:" if known is SELECTION_METRICS else "one of"
        raise InputError(
            f"there is no metric {name!r} for {'these' if name in SELECTION_METRICS else 'any'} labels"
            if name in METRICS
            else f"classifiers have no metric {name!r}",
            remedy=f"Use {which} {', '.join(known)}.",
        )


def full_name(metric: str) -> str:
    """Return `validation/metric`, as metrics of training and test are named; the metric must be known."""
    if metric not in METRICS:
        raise KeyError(metric)
    return f"validation/{metric}"


VALIDATION_LOSS = full_name(LOSS)
VALIDATION_MCC = full_name(MCC)
VALIDATION_AUROC = full_name(AUROC)
VALIDATION_PERPLEXITY = full_name(PERPLEXITY)
VALIDATION_BITS_PER_BASE = full_name(BITS_PER_BASE)
VALIDATION_THRESHOLD = full_name(THRESHOLD)


def direction(name: str) -> Literal["max", "min", ""]:
    """Return the direction of a metric, given by bare or full name.

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
    # Imported here, as below, because it imports slowly and command options import this file.
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, scores))


def auprc(positive: np.ndarray, scores: np.ndarray) -> float:
    """Return the average precision; 0 without a positive row."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(positive, scores)) if positive.any() else 0.0


def classification_metrics(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float = 0.5
) -> dict[str, float]:
    """Return all classification metrics by full name.

    Parameters
    ----------
    labels
        Class numbers from 0, shape (n,).
    probabilities
        Shape (n, classes), or (n,) for the probability of class 1.
    threshold
        Smallest probability called class 1; not used with three or more classes, where the class
        with the largest probability is called.

    Raises
    ------
    ValueError
        If the shapes differ or there is no row.

    Examples
    --------
    >>> probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.2, 0.8]])
    >>> found = classification_metrics(np.array([0, 0, 1, 1]), probabilities)
    >>> round(found["validation/mcc"], 3), found["validation/recall"]
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
        MCC: matthews(labels, calls),
        AUROC: np.mean([auroc(labels == c, probabilities[:, c]) for c in scored]),
        AUPRC: np.mean([auprc(labels == c, probabilities[:, c]) for c in scored]),
        THRESHOLD: threshold,
    }
    return {full_name(name): float(value) for name, value in values.items()}


def regression_metrics(targets: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Return all regression metrics by full name, averaged over outputs.

    Parameters
    ----------
    targets, predicted
        Measured and predicted, (n, outputs), in the units of the labels. Correlations are 0 if all
        rows have the same prediction or the same label.

    Examples
    --------
    >>> found = regression_metrics(np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [2.0], [3.0]]))
    >>> {name: round(value, 3) for name, value in found.items()}["validation/rmse"]
    0.577
    """
    from scipy import stats
    from sklearn.metrics import r2_score

    if len(targets) == 0 or targets.shape != predicted.shape:
        raise ValueError(f"{targets.shape} targets for {predicted.shape} predictions")
    each: dict[str, list[float]] = {PEARSON: [], SPEARMAN: [], R2: [], RMSE: []}
    for actual, guess in zip(targets.T, predicted.T, strict=True):
        flat = min(_spread(actual), _spread(guess)) <= 0
        each[PEARSON].append(0.0 if flat else float(stats.pearsonr(actual, guess).statistic))
        each[SPEARMAN].append(0.0 if flat else float(stats.spearmanr(actual, guess).statistic))
        each[R2].append(float(r2_score(actual, guess)) if _spread(actual) > 0 else 0.0)
        each[RMSE].append(float(np.sqrt(np.mean((actual - guess) ** 2))))
    return {full_name(name): float(np.mean(values)) for name, values in each.items()}


def _spread(values: np.ndarray) -> float:
    """Return the range of values, or 0 if it is due to rounding."""
    found = float(np.ptp(values))
    return found if found > 1e-12 * float(np.abs(values).max()) else 0.0
