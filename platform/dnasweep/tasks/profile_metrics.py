"""Metrics of signals along rows, and the influence of each row on them.

Bins of a row are not independent observations, so the influence of a row is the sum over its bins.
"""

from __future__ import annotations

import numpy as np

from dnasweep.tasks import metrics as names
from dnasweep.tasks.base_metrics import by_row
from dnasweep.tasks.influence import Floats, Measured
from dnasweep.tasks.influence_numbers import pearson_influence, standardised
from dnasweep.tasks.metrics import full_name

LEAST = 1e-9
"""Minimum predicted signal; for a prediction of 0, the deviance would be infinite."""


def deviances(targets: Floats, predicted: Floats) -> Floats:
    """Return the Poisson deviance of each bin, for arrays of equal shape."""
    rate = np.maximum(predicted, LEAST)
    ratio = np.divide(targets, rate, out=np.ones_like(rate), where=targets > 0)
    return 2 * (targets * np.log(ratio) - targets + rate)


def track_metrics(targets: Floats, predicted: Floats) -> dict[str, float]:
    """Return the metrics of one track by bare name.

    Parameters
    ----------
    targets, predicted
        Measured and predicted, (rows, bins), in the units of the track. A correlation is 0 if
        either is constant; rows with a constant measured signal are excluded from means over rows.
    """
    within = _pearson(targets, predicted)[np.ptp(targets, axis=1) > 0]
    null = float(deviances(targets, np.full(targets.shape, targets.mean())).mean())
    explained = 1 - float(deviances(targets, predicted).mean()) / null if null > 0 else 0.0
    return {
        names.PEARSON: float(_pearson(targets.reshape(1, -1), predicted.reshape(1, -1))[0]),
        names.ROW_PEARSON: float(np.mean(within)) if len(within) else 0.0,
        names.DEVIANCE: explained,
    }


def profile_metrics(targets: Floats, predicted: Floats) -> dict[str, float]:
    """Return all metrics of signals by full name, averaged over the tracks.

    Parameters
    ----------
    targets, predicted
        (rows, bins, tracks).
    """
    if targets.shape != predicted.shape or not len(targets):
        raise ValueError(f"{targets.shape} targets for {predicted.shape} predictions")
    each = [track_metrics(targets[..., i], predicted[..., i]) for i in range(targets.shape[2])]
    return {full_name(name): float(np.mean([one[name] for one in each])) for name in each[0]}


def pearson_by_row(targets: Floats, predicted: Floats) -> Measured:
    """Return Pearson's correlations over all bins with the influence of each row.

    Parameters
    ----------
    targets
        Targets of one track, shape (rows, bins).
    predicted
        Predictions of each training run, shape (runs, rows, bins).
    """
    num, bins = targets.shape
    found = pearson_influence(targets.ravel(), predicted.reshape(len(predicted), -1))
    # The influence of bins is given divided by approximately their number.
    size = num * bins
    of_bins = found.influence * np.sqrt(size * (size - 1))
    return by_row(found.values, of_bins, np.repeat(np.arange(num), bins), num)


def deviance_by_row(targets: Floats, predicted: Floats) -> Measured:
    """Return fractions of explained deviance with the influence of each row.

    Parameters
    ----------
    targets, predicted
        As for :func:`pearson_by_row`.

    Notes
    -----
    The reference mean has the smallest deviance of all constants, so the influence of a row on
    this mean has no first-order effect.
    """
    num, bins = targets.shape
    null = deviances(targets, np.full(targets.shape, targets.mean())).ravel()
    own = deviances(targets[None], predicted).reshape(len(predicted), -1)
    below, above = null.mean(), own.mean(axis=1, keepdims=True)
    moved = -(own - above) / below + above * (null - below) / below**2
    rows = np.repeat(np.arange(num), bins)
    return by_row(1 - above[:, 0] / below, moved, rows, num)


def _pearson(a: Floats, b: Floats) -> Floats:
    """Return the correlation of each row of two arrays, (rows,); 0 if either row is constant."""
    x, y = standardised(a), standardised(b)
    return np.asarray((x * y).mean(axis=1))
