"""Metrics for rare classes of bases, and the influence of each row on them.

A model is judged by how it ranks bases: by the area under the precision-recall curve of each
class, and by top-k accuracy, the fraction of true bases among the k with the highest probability,
where k is the number of true bases ( K. Jaganathan et al., Cell 176, 2019). AUROC would be near 1
for any model, since nearly all bases are negatives.

Bases of a row are not independent observations. The influence of a row is therefore the sum over
its bases, so tests resample rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.tasks import metrics as names
from dnasweep.tasks.influence import Floats, Measured
from dnasweep.tasks.metrics import full_name
from dnasweep.tasks.objective import Targets

Ints = NDArray[np.int64]
F1 = "f1"
"""F1 of one class; the mean over classes is `macro_f1`."""


class Bases(NamedTuple):
    """Bases with a known class, concatenated over all rows."""

    classes: Ints
    """Class numbers, (bases,)."""
    probabilities: Floats
    """Predicted probabilities, (bases, classes)."""
    rows: Ints
    """Row of each base, (bases,)."""


def bases_of(targets: Targets, predicted: Floats, num_classes: int) -> Bases:
    """Return the bases of rows that have a class.

    Parameters
    ----------
    targets
        Class numbers, (rows, bases), below 0 outside the row.
    predicted
        Probabilities, (rows, bases x classes), with the classes of a base adjacent.
    num_classes
        Number of classes.

    Raises
    ------
    ValueError
        If a base has a class but no prediction.
    """
    found = predicted.reshape(len(targets), -1, num_classes)
    there = targets >= 0
    if there[:, found.shape[1] :].any():
        raise ValueError("fewer bases are predicted than have a class")
    there = there[:, : found.shape[1]]
    rows = np.repeat(np.arange(len(targets)), there.sum(axis=1))
    own = targets[:, : found.shape[1]][there].astype(np.int64)
    return Bases(own, found[:, : there.shape[1]][there], rows)


class Ranked(NamedTuple):
    """Bases ordered by the score of a class, the highest first; equal scores form one step."""

    order: Ints
    """Numbers of the bases in this order, (bases,)."""
    step: Ints
    """Step of each base in this order, (bases,)."""
    hits: Floats
    """Number of bases of the class up to and including each step, (steps,)."""
    called: Floats
    """Number of all bases up to and including each step, (steps,)."""


def ranked(positive: NDArray[np.bool_], scores: Floats) -> Ranked:
    """Return bases in the order of their scores."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    hits = np.cumsum(positive[order], dtype=np.float64)[ends]
    step = np.repeat(np.arange(len(ends)), np.diff(np.append(-1, ends)))
    return Ranked(order, step, hits, ends + 1.0)


def average_precision(found: Ranked) -> float:
    """Return the average precision, as scikit-learn defines it; 0 without a base of the class."""
    if not found.hits[-1]:
        return 0.0
    gained = np.diff(found.hits, prepend=0.0)
    return float((found.hits / found.called) @ gained / found.hits[-1])


def top_k_accuracy(found: Ranked) -> float:
    """Return the fraction of bases of the class among the k best, where k bases have the class.

    If only some of the bases with equal scores are among the k best, the expected number is
    counted.
    """
    k = found.hits[-1]
    if not k:
        return 0.0
    last = int(np.searchsorted(found.called, k))
    hits, called = (np.append(0.0, one) for one in (found.hits, found.called))
    share = (k - called[last]) / (called[last + 1] - called[last])
    return float((hits[last] + share * (hits[last + 1] - hits[last])) / k)


def base_metrics(bases: Bases, wanted: Sequence[int]) -> dict[str, float]:
    """Return all metrics for classes of bases by full name.

    Parameters
    ----------
    bases
        Bases of all rows.
    wanted
        Numbers of the classes to average over: all except the background.
    """
    each = [class_metrics(bases, one) for one in wanted]
    means = {name: float(np.mean([one[name] for one in each])) for name in each[0]}
    of_class = bases.probabilities[np.arange(len(bases.classes)), bases.classes]
    values = {
        names.LOSS: float(-np.log(np.clip(of_class, 1e-12, 1.0)).mean()),
        names.MCC: _matthews(bases),
        names.MACRO_F1: means[F1],
        names.AUPRC: means[names.AUPRC],
        names.TOP_K: means[names.TOP_K],
    }
    return {full_name(name): value for name, value in values.items()}


def class_metrics(bases: Bases, one: int) -> dict[str, float]:
    """Return metrics of one class by bare name, and the number of its bases."""
    positive, called = bases.classes == one, bases.probabilities.argmax(axis=1) == one
    right, actual, said = (float(x.sum()) for x in (positive & called, positive, called))
    found = ranked(positive, bases.probabilities[:, one])
    return {
        "bases": actual,
        names.PRECISION: right / said if said else 0.0,
        names.RECALL: right / actual if actual else 0.0,
        F1: 2 * right / (actual + said) if actual + said else 0.0,
        names.AUPRC: average_precision(found),
        names.TOP_K: top_k_accuracy(found),
    }


def _matthews(bases: Bases) -> float:
    """Return Gorodkin's R_K from the table of classes and calls; 0 if it is undefined."""
    num = bases.probabilities.shape[1]
    pairs = bases.classes * num + bases.probabilities.argmax(axis=1)
    table = np.bincount(pairs, minlength=num * num).reshape(num, num) / len(pairs)
    actual, called = table.sum(axis=1), table.sum(axis=0)
    below = (1 - actual @ actual) * (1 - called @ called)
    return float((np.trace(table) - actual @ called) / np.sqrt(below)) if below > 1e-15 else 0.0


def precision_influence(positive: NDArray[np.bool_], scores: Floats) -> tuple[float, Floats]:
    """Return the average precision, and the influence function at each base, (bases,).

    Parameters
    ----------
    positive
        Whether a base has the class, (bases,).
    scores
        (bases,).

    Notes
    -----
    Let p be the fraction of bases of the class, and let A(s) and B(s) be the fractions of all
    bases that score s or more, with the class and in total. The average precision is the mean of
    A/B over bases of the class. At a base of class y and score t its gradient is [y (A/B)(t) + y
    G(t) - H(t) - y AP] / p, where G and H are the integrals of 1/B and A/B^2 over bases of the
    class that score t or less.
    """
    found = ranked(positive, scores)
    num = len(scores)
    value, share = average_precision(found), found.hits[-1] / num
    precision, above = found.hits / found.called, found.called / num
    gained = np.diff(found.hits, prepend=0.0) / num
    below = [np.cumsum((gained * one)[::-1])[::-1] for one in (1 / above, precision / above)]
    actual = positive[found.order].astype(np.float64)
    step = found.step
    moved = actual * (precision[step] + below[0][step] - value) - below[1][step]
    influence = np.empty(num)
    influence[found.order] = moved / share
    return value, influence


def by_row(values: Floats, influence: Floats, rows: Ints, num_rows: int) -> Measured:
    """Return values with the influence of each row, which is the sum over its bases.

    Parameters
    ----------
    values
        Values of the metric, (runs,).
    influence
        Influence function at each base, (runs, bases).
    rows
        Row of each base, (bases,).
    num_rows
        Number of rows.
    """
    summed = np.stack([np.bincount(rows, one, minlength=num_rows) for one in influence])
    summed -= summed.mean(axis=1, keepdims=True)
    scale = np.sqrt(num_rows / (num_rows - 1)) / len(rows)
    return Measured(values, summed * scale)
