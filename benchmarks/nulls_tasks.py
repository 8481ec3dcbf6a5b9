"""Null simulations of the tests of two equally good cells, for labels other than two classes."""

from __future__ import annotations

import numpy as np
from dnasweep.data.labels import Labels
from dnasweep.stages.scores import TestScores
from dnasweep.sweeps.pairs import paired_test
from nulls import Check, Floats, Simulate
from scipy.special import expit, softmax

BINS = 8
"""Number of bins per row of a signal."""
LABELS = {
    "multiclass": Labels(task="multiclass", names=("a", "b", "c")),
    "regression": Labels(task="regression", names=("value",)),
    "multilabel": Labels(task="multilabel", names=("a", "b")),
    "token": Labels(task="token", names=("none", "a", "b")),
    "profile": Labels(task="profile", names=("value",), places=BINS),
}
BASES = 20
"""Number of bases per row if each base has a class; they share the difficulty of their row."""
SHARED, OF_CELL, OF_TRAINING = 1.0, 0.4, 0.6
"""Standard deviations of a row's difficulty: for all cells, for one cell, for one training run."""
METRICS = {
    "multiclass": ("mcc", "auroc"),
    "regression": ("pearson", "spearman", "rmse"),
    "multilabel": ("mcc", "auroc"),
    "token": ("auprc", "mcc"),
    "profile": ("pearson", "deviance_explained"),
}


def two_cells(
    rng: np.random.Generator, task: str, num: int, seeds: int, sd: float
) -> tuple[dict[int, TestScores], dict[int, TestScores]]:
    """Draw what a sweep stores of two cells that are equally good over all rows and seeds.

    Parameters
    ----------
    rng
        Random generator.
    task
        What is learned.
    num
        Test rows.
    seeds
        Number of training runs of each cell.
    sd
        Standard deviation of the quality between seeds.
    """
    labels = LABELS[task]
    width = len(labels.names)
    if task == "multiclass":
        targets: Floats = rng.integers(0, width, num)
        signal = 1.5 * np.eye(width)[targets]
    elif task == "token":
        targets = rng.choice(width, (num, BASES), p=[0.9, 0.05, 0.05])
        signal = 4 * np.eye(width)[targets]
    elif task == "profile":
        # Rows differ in their total signal.
        signal = rng.normal(size=(num, BINS)) * 0.5 + rng.normal(size=(num, 1)) * 0.5
        targets = rng.poisson(3 * np.exp(signal)).astype(float)
    elif task == "multilabel":
        targets = (rng.random((num, width)) < [0.3, 0.5]).astype(float)
        signal = 2 * targets - 1
    else:
        targets = signal = rng.normal(size=(num, width))
    shared = rng.normal(0, SHARED, signal.shape)
    predict = {
        "multiclass": lambda x: softmax(x, axis=-1),
        "multilabel": expit,
        "token": lambda x: softmax(x, axis=-1).reshape(num, -1),
        "profile": lambda x: 3 * np.exp(0.3 * x),
    }.get(task, lambda x: x)
    ids = np.arange(num).astype(str)
    sides = []
    for _ in range(2):
        own, side = rng.normal(0, OF_CELL, signal.shape), {}
        if task == "token":
            # All bases of a row are easier for one cell than for the other.
            own = own + signal * rng.normal(0, 0.3, (num, 1, 1))
        for seed in range(seeds):
            noise = rng.normal(0, OF_TRAINING, signal.shape)
            scores = predict((1 + rng.normal(0, sd)) * signal + shared + own + noise)
            cut = [0.5] * width if task == "multilabel" else 0.5
            side[seed] = TestScores(
                ids=ids, labels=targets, scores=scores, threshold=cut, about=labels
            )
        sides.append(side)
    return sides[0], sides[1]


def between(task: str, column: str, num: int, seeds: int, sd: float) -> Simulate:
    """Return the simulation of one column of the table of pairwise tests."""

    def simulate(rng: np.random.Generator, times: int) -> Floats:
        return np.array(
            [paired_test(*two_cells(rng, task, num, seeds, sd))[column] for _ in range(times)]
        )

    return simulate


CHECKS = {
    f"{task}_{metric}_{seeds}_seeds_sd_{sd:g}": Check(
        quantity=f"two cells of a sweep, {task}, {metric} (over_seeds)",
        setting=f"300 test rows, {seeds} seeds each, seed sd {sd:g}",
        simulate=between(task, f"{metric}_p", 300, seeds, sd),
        may_be_careful=True,
        quick=seeds == 3 and metric in ("mcc", "pearson") and task not in ("token", "profile"),
    )
    for task, metrics in METRICS.items()
    for metric in metrics
    for seeds, sd in ((2, 0.1), (3, 0.1), (5, 0.0))
} | {
    f"ensembles_{task}_{metric}": Check(
        quantity=f"two trained models or ensembles, {task}, {metric} (influence of rows)",
        setting="300 test rows, one model each, no spread of seeds",
        simulate=between(task, f"ensemble_{metric}_p", 300, 1, 0.0),
        quick=False,
    )
    for task, metrics in METRICS.items()
    for metric in metrics
}
