"""The baseline of regression: k-mer counts and ridge regression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from dnasweep.data.kmer_counts import kmer_counts

PENALTIES = (1.0, 10.0, 1e2, 1e3, 1e4, 1e5)
"""Penalties tried, for counts scaled to unit variance."""
HELD_OUT = 5
"""Every so many-th training row is left out to choose the penalty by."""


def kmer_ridge(
    sequences: Sequence[str], targets: NDArray[np.float64], others: Sequence[str]
) -> NDArray[np.float64]:
    """Return outputs predicted from k-mer counts by ridge regression, (others, outputs).

    The penalty is the one with the least squared error on every fifth training row, and the regression
    is then fitted on all of them.

    Parameters
    ----------
    sequences, targets
        Training rows, targets (rows, outputs).
    others
        Sequences to predict.
    """
    scaler = StandardScaler(with_mean=False)
    counts = scaler.fit_transform(kmer_counts(sequences))
    mean, spread = targets.mean(axis=0), targets.std(axis=0)
    scaled = (targets - mean) / np.where(spread > 0, spread, 1.0)
    held = np.arange(len(targets)) % HELD_OUT == HELD_OUT - 1
    errors = []
    for penalty in PENALTIES if held.any() else PENALTIES[:1]:
        model = _ridge(penalty).fit(counts[~held], scaled[~held])
        guess = model.predict(counts[held]).reshape(-1, targets.shape[1]) if held.any() else 0.0
        errors.append(float(((guess - scaled[held]) ** 2).sum()))
    model = _ridge(PENALTIES[int(np.argmin(errors))]).fit(counts, scaled)
    if not len(others):
        return np.zeros((0, targets.shape[1]))
    found = model.predict(scaler.transform(kmer_counts(others))).reshape(-1, targets.shape[1])
    return np.asarray(found * spread + mean)


def _ridge(penalty: float) -> Ridge:
    # The solver for sparse counts that fits an intercept and draws no random numbers.
    return Ridge(alpha=penalty, solver="sparse_cg", max_iter=1_000, tol=1e-6)
