"""Influence of each test row on a regression metric; see :mod:`dnasweep.tasks.influence`."""

from __future__ import annotations

import numpy as np

from dnasweep.tasks.influence import Floats, Measured, scaled


def pearson_influence(targets: Floats, predicted: Floats) -> Measured:
    """Return Pearson's correlations with the influence of each row.

    Parameters
    ----------
    targets
        Measured values (n,).
    predicted
        Predictions of each training run (runs, n). The correlation is 0 if all are equal.

    Notes
    -----
    z_x z_y - r (z_x^2 + z_y^2) / 2 (S. Devlin, R. Gnanadesikan and J. Kettenring, Biometrika 62, 1975).
    """
    x, y = standardised(targets[None])[0], standardised(predicted)
    values = (x * y).mean(axis=1)
    moved = x * y - values[:, None] * (x**2 + y**2) / 2
    known = np.abs(y).sum(axis=1) > 0
    return scaled(np.where(known, values, 0.0), np.where(known[:, None], moved, 0.0))


def spearman_influence(targets: Floats, predicted: Floats) -> Measured:
    """Return Spearman's correlations with the influence of each row.

    Parameters
    ----------
    targets, predicted
        As for :func:`pearson_influence`. Equal values share their mean rank.

    Notes
    -----
    A row also changes the ranks of all others, so this is not the influence function of Pearson's
    correlation of ranks (C. Croux and C. Dehon, Stat. Methods Appl. 19, 2010).
    """
    from scipy import stats

    num = len(targets)
    ranks = stats.rankdata(targets) / num
    values, moved = np.zeros(len(predicted)), np.zeros(predicted.shape)
    x = standardised(stats.rankdata(targets)[None])[0]
    for one, guess in enumerate(predicted):
        own = stats.rankdata(guess)
        y = standardised(own[None])[0]
        if not y.any():
            continue
        values[one] = float((x * y).mean())
        own = own / num
        pull = 12 * (ranks * own + _mean_above(ranks, guess) + _mean_above(own, targets))
        moved[one] = pull - pull.mean()
    return scaled(values, moved)


def r2_influence(targets: Floats, predicted: Floats) -> Measured:
    """Return coefficients of determination, 1 - MSE / variance, with the influence of each row.

    Parameters
    ----------
    targets, predicted
        As for :func:`pearson_influence`.
    """
    squared = (predicted - targets) ** 2
    error, away = squared.mean(axis=1, keepdims=True), (targets - targets.mean()) ** 2
    variance = away.mean()
    moved = -(squared - error) / variance + error * (away - variance) / variance**2
    return scaled(1 - error[:, 0] / variance, moved)


def rmse_influence(targets: Floats, predicted: Floats) -> Measured:
    """Return root mean squared errors with the influence of each row.

    Parameters
    ----------
    targets, predicted
        As for :func:`pearson_influence`.
    """
    squared = (predicted - targets) ** 2
    error = squared.mean(axis=1, keepdims=True)
    root = np.sqrt(error)
    moved = np.divide(squared - error, 2 * root, out=np.zeros_like(squared), where=root > 0)
    return scaled(root[:, 0], moved)


def standardised(values: Floats) -> Floats:
    """Return rows with mean 0 and standard deviation 1; rows of equal values become 0."""
    centred = values - values.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    flat = spread <= 1e-12 * np.abs(values).max(axis=1, keepdims=True)
    return np.divide(centred, spread, out=np.zeros_like(centred), where=~flat)


def _mean_above(ranks: Floats, values: Floats) -> Floats:
    """Return, for each row, the sum of ranks of rows with values at least as large, over n."""
    order = np.argsort(values, kind="stable")
    from_here = np.cumsum(ranks[order][::-1])[::-1] / len(values)
    first = np.searchsorted(values[order], values, side="left")
    return from_here[first]
