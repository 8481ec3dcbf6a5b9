"""Decision thresholds and their measure: one rule for the baseline, for every model and for every call."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def best_threshold(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Return the threshold on the probability of class 1 with the largest Matthews correlation.

    Candidate thresholds are midpoints between neighbouring probabilities; a sequence is called class 1 at or
    above the threshold. Of equally good thresholds the one nearest to 0.5 is used, and 0.5 if none
    helps. Use it on validation rows only.

    Parameters
    ----------
    labels
        0 or 1, shape (n,).
    probabilities
        Probabilities of class 1, shape (n,).

    Examples
    --------
    >>> round(best_threshold([0, 0, 1, 1], [0.1, 0.6, 0.7, 0.9]), 2)
    0.65
    """
    positive = np.asarray(labels) == 1
    scores = np.asarray(probabilities, dtype=np.float64)
    num, num_positive = len(positive), int(positive.sum())
    if not 0 < num_positive < num:
        return 0.5
    distinct, rank = np.unique(scores, return_inverse=True)
    if len(distinct) < 2:
        return 0.5
    cuts = (distinct[:-1] + distinct[1:]) / 2
    # Rows at or above each value except the lowest, which is above no threshold.
    called = np.cumsum(np.bincount(rank)[::-1])[::-1][1:].astype(np.float64)
    hits = np.cumsum(np.bincount(rank, weights=positive)[::-1])[::-1][1:]
    spread = np.sqrt(called * (num - called) * num_positive * (num - num_positive))
    correlation = (hits * num - called * num_positive) / spread
    best = correlation.max()
    if best <= 0:
        return 0.5
    equal = cuts[correlation >= best - 1e-12]
    return float(equal[np.argmin(np.abs(equal - 0.5))])


def matthews(labels: ArrayLike, calls: ArrayLike) -> float:
    """Return the Matthews correlation (Gorodkin's R_K for many classes); 0 where undefined."""
    from sklearn.metrics import matthews_corrcoef

    # scikit-learn warns if there is only one class.
    one_class = len(np.union1d(labels, calls)) < 2
    return 0.0 if one_class else float(matthews_corrcoef(labels, calls))
