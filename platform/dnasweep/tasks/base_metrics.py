"""Metrics of classes of bases, most of which have none, and how far each row moves them.

A model is judged by how it ranks bases: by the area under the precision-recall curve of each class, and by
the share of true bases among as many of the likeliest ones (top-k accuracy; K. Jaganathan et al., Cell 176,
2019). AUROC would be near 1 for any model, since nearly all bases are negatives.

Bases of a row are no independent observations. The influence of a row is therefore the sum of that of its
bases, so that rows are what tests draw anew.
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
"""Of one class; the mean over classes is `macro_f1`."""


class Bases(NamedTuple):
    """Bases with a known class, of all rows one after the other."""

    classes: Ints
    """Class numbers, (bases,)."""
    probabilities: Floats
    """(bases, classes)."""
    rows: Ints
    """Row that each base is of, (bases,)."""


def bases_of(targets: Targets, predicted: Floats, num_classes: int) -> Bases:
    """Return the bases of rows.

    Parameters
    ----------
    targets
        Class numbers, (rows, bases), below 0 where there is no base.
    predicted
        Probabilities, (rows, bases x classes), the classes of a base side by side.
    num_classes
        Number of classes.

    Raises
    ------
    ValueError
        Where a base has a class and no prediction.
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
    """Bases by the score of a class, the likeliest first; equal scores are one step."""

    order: Ints
    """Bases, (bases,)."""
    step: Ints
    """Step that each base in this order is of, (bases,)."""
    hits: Floats
    """Bases of the class up to and with each step, (steps,)."""
    called: Floats
    """All bases up to and with each step, (steps,)."""


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
    """Return the share of bases of the class among the k likeliest ones, where k bases have it.

    Of bases with equal scores, of which only some are among them, as many count as by chance.
    """
    k = found.hits[-1]
    if not k:
        return 0.0
    last = int(np.searchsorted(found.called, k))
    hits, called = (np.append(0.0, one) for one in (found.hits, found.called))
    share = (k - called[last]) / (called[last + 1] - called[last])
    return float((hits[last] + share * (hits[last + 1] - hits[last])) / k)


def base_metrics(
    bases: Bases, wanted: Sequence[int], *, split: str = "validation"
) -> dict[str, float]:
    """Return every metric of classes of bases by full name.

    Parameters
    ----------
    bases
        Of all rows.
    wanted
        Numbers of the classes whose means are taken: all but the background.
    split
        Split, used as prefix of the names.
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
    return {full_name(name, split): value for name, value in values.items()}


def class_metrics(bases: Bases, one: int) -> dict[str, float]:
    """Return metrics of one class by bare name, and how many bases have it."""
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
    """Return Gorodkin's R_K from the table of classes and calls; 0 where it is not defined."""
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
    With p the share of bases of the class, A(s) and B(s) the shares of bases of the class, and of all, that
    score s or more, it is the mean of A/B over bases of the class. At a base of class y and score t its
    gradient is [y (A/B)(t) + y G(t) - H(t) - y AP] / p, where G and H are the integrals of 1/B and A/B^2 over
    bases of the class that score t or less.
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
    """Return values with the influence of each row, the sum of that of its bases.

    Parameters
    ----------
    values
        (trainings,).
    influence
        Influence function at each base, (trainings, bases).
    rows
        Row of each base, (bases,).
    num_rows
        Number of rows.
    """
    summed = np.stack([np.bincount(rows, one, minlength=num_rows) for one in influence])
    summed -= summed.mean(axis=1, keepdims=True)
    scale = np.sqrt(num_rows / (num_rows - 1)) / len(rows)
    return Measured(values, summed * scale)
