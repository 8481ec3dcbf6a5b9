"""Null simulations of the tests of two equally good cells of a sweep, over test rows and seeds."""

from __future__ import annotations

import itertools

import numpy as np
from dnasweep.data.decision_threshold import best_threshold
from dnasweep.sweeps.cell_results import TestScores
from dnasweep.sweeps.seed_tests import Side, Stratum, over_seeds
from nulls import Check, Floats, Simulate

SIGNAL = 1.0
SHARED, OF_CELL, OF_TRAINING = 1.0, 0.4, 0.6
"""Standard deviations, on the logit scale, of a row's difficulty: for all cells, for one cell, for
one training run."""
VALIDATION_ROWS = 200


def two_cells(
    rng: np.random.Generator, num: int, seeds: tuple[int, int], sd: float, *, fixed: bool
) -> Stratum:
    """Draw two cells that are equally good over all rows and seeds.

    The threshold of each training run is chosen on validation rows, which are also drawn.

    Parameters
    ----------
    rng
        Random generator.
    num
        Test rows.
    seeds
        Number of training runs of each cell.
    sd
        Standard deviation of the quality between seeds, on the logit scale.
    fixed
        Whether the second cell does not depend on seeds, like the k-mer baseline.
    """
    labels = rng.permutation(np.arange(num + VALIDATION_ROWS) % 2)
    sign, shared = 2.0 * labels - 1, rng.normal(0, SHARED, len(labels))
    sides = []
    for side, count in enumerate(seeds):
        # A second cell that does not depend on seeds has the mean quality of the first one.
        own_sd = 0.0 if fixed and side else sd
        quality = SIGNAL + rng.normal(0, own_sd, (count, 1))
        own = rng.normal(0, OF_CELL, len(labels))
        noise = rng.normal(0, OF_TRAINING, (count, len(labels)))
        if fixed and side:
            noise = np.zeros_like(noise)
            own = rng.normal(0, np.hypot(OF_CELL, OF_TRAINING), len(labels))
        scores = 1 / (1 + np.exp(-(quality * sign + shared + own + noise)))
        known, tested = scores[:, :VALIDATION_ROWS], scores[:, VALIDATION_ROWS:]
        cuts = [best_threshold(labels[:VALIDATION_ROWS], one) for one in known]
        sides.append(Side(tested, np.array(cuts)))
    return Stratum(labels[VALIDATION_ROWS:], *sides)


def by_seed(cells: Stratum) -> tuple[dict[int, TestScores], dict[int, TestScores]]:
    """Return the records that a sweep stores for two cells."""
    ids = np.arange(len(cells.labels)).astype(str)
    first, second = (
        {
            seed: TestScores(ids=ids, labels=cells.labels, scores=scores, threshold=float(cut))
            for seed, (scores, cut) in enumerate(zip(*side, strict=True))
        }
        for side in (cells.a, cells.b)
    )
    return first, second


def between(metric: str, num: int, seeds: int, sd: float, *, fixed: bool = False) -> Simulate:
    """Return the simulation of the test of two cells, or of a cell and a fixed baseline."""

    def simulate(rng: np.random.Generator, times: int) -> Floats:
        sides = (seeds, 1 if fixed else seeds)
        return np.array(
            [
                over_seeds([two_cells(rng, num, sides, sd, fixed=fixed)], metric, fixed=fixed)[-1]
                for _ in range(times)
            ]
        )

    return simulate


CHECKS = {
    f"cells_{metric}_{num}_rows_{seeds}_seeds_sd_{sd:g}": Check(
        quantity=f"two cells of a sweep, {metric.upper()} (over_seeds)",
        setting=f"{num} test rows, {seeds} seeds each, seed sd {sd:g} on the logit",
        simulate=between(metric, num, seeds, sd),
        may_be_careful=True,
        quick=num == 100 and sd == 0.15 and seeds < 5,
    )
    for metric in ("mcc", "auroc")
    for num, seeds, sd in itertools.product((100, 1000), (2, 3, 5), (0.0, 0.15, 0.3))
} | {
    f"baseline_{metric}_{seeds}_seeds_sd_{sd:g}": Check(
        quantity=f"a cell against the k-mer baseline, {metric.upper()} (over_seeds)",
        setting=f"400 test rows, {seeds} seeds against one fit, seed sd {sd:g} on the logit",
        simulate=between(metric, 400, seeds, sd, fixed=True),
        may_be_careful=True,
        quick=seeds == 3 and sd > 0,
    )
    for metric in ("mcc", "auroc")
    for seeds, sd in itertools.product((2, 3, 5), (0.0, 0.15))
}
