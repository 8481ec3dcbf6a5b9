"""Comparison of two ensembles on the same rows: the mean predictions over the seeds of each side.

The tests ask how these trained models would compare on other test rows; they say nothing about
models from another training run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from dnasweep.sweeps.row_tests import bootstrap_mcc, delong_test
from dnasweep.sweeps.seed_tests import Side, Stratum
from dnasweep.tasks.task import Task

_VERDICT = ("a", "b", "difference", "low", "high", "p")


def ensemble_columns(task: Task) -> tuple[str, ...]:
    """Return the columns of the tests between ensembles for a task."""
    if task.has_positives:
        return (
            *(f"ensemble_auroc_{name}" for name in ("a", "b", "difference")),
            *(f"ensemble_{name}" for name in ("delong_z", "delong_p", "delong_p_adjusted")),
            *(f"ensemble_mcc_{name}" for name in (*_VERDICT, "p_adjusted")),
        )
    names = (*_VERDICT, "p_adjusted")
    return tuple(f"ensemble_{metric}_{name}" for metric in task.tested for name in names)


def compare_ensembles(
    shared: Stratum, *, num_resamples: int = 2000, seed: int = 0
) -> dict[str, Any]:
    """Compare the mean predictions of the two sides; calls use the mean of the thresholds.

    Parameters
    ----------
    shared
        The rows scored by both sides.
    num_resamples, seed
        Number of resamples and seed of the bootstrap, used for two classes.

    Returns
    -------
    dict
        The columns of :func:`ensemble_columns` except adjusted p-values. For two classes, AUROC is
        tested by DeLong's test and MCC by the bootstrap; all other metrics are tested with the
        normal distribution, whose variance follows from the influence of each row.
    """
    if shared.task.has_positives:
        return _of_two_classes(shared, num_resamples, seed)
    means = [
        Side(side.scores.mean(axis=0, keepdims=True), side.thresholds.mean(axis=0, keepdims=True))
        for side in (shared.a, shared.b)
    ]
    record: dict[str, Any] = {}
    for metric in shared.task.tested:
        found = shared._replace(a=means[0], b=means[1]).measure(metric)
        a, b = found.values
        error = float(np.sqrt(((found.influence[0] - found.influence[1]) ** 2).sum()))
        half = stats.norm.ppf(0.975) * error
        p = 2 * stats.norm.sf(abs(a - b) / error) if error > 1e-12 else float(a == b)
        values = (a, b, a - b, a - b - half, a - b + half, p)
        record |= {f"ensemble_{metric}_{n}": v for n, v in zip(_VERDICT, values, strict=True)}
    return record


def _of_two_classes(shared: Stratum, num_resamples: int, seed: int) -> dict[str, Any]:
    scores = [side.scores.mean(axis=0) for side in (shared.a, shared.b)]
    cuts = [side.thresholds.mean() for side in (shared.a, shared.b)]
    delong = delong_test(shared.labels, *scores)
    calls = [(one >= cut).astype(int) for one, cut in zip(scores, cuts, strict=True)]
    bootstrap = bootstrap_mcc(shared.labels, *calls, num_resamples=num_resamples, seed=seed)
    return {
        "ensemble_auroc_a": delong.auroc_a,
        "ensemble_auroc_b": delong.auroc_b,
        "ensemble_auroc_difference": delong.difference,
        "ensemble_delong_z": delong.z,
        "ensemble_delong_p": delong.p_value,
    } | {f"ensemble_mcc_{n}": v for n, v in zip(_VERDICT, bootstrap, strict=True)}
