"""Null simulations of tests over draws of training rows, over targets, over tasks, and of ensembles."""

from __future__ import annotations

import numpy as np
from dnasweep.sweeps.mean_differences import mean_difference, shared_row_variance
from dnasweep.sweeps.pairs import paired_test
from dnasweep.sweeps.rank_tests import friedman
from dnasweep.sweeps.seed_tests import Side, over_seeds
from dnasweep.sweeps.transfer_tests import rank_correlation, sign_flip
from dnasweep.tasks.influence import auroc_influence, mcc_influence
from nulls import Check, Floats, Simulate
from nulls_cells import SHARED, by_seed, two_cells


def few_shots(metric: str, draws: int, seeds: int, sd: tuple[float, float]) -> Simulate:
    """Return the simulation of the test of two equally good initialisations in a few-shot sweep.

    Parameters
    ----------
    metric
        `mcc` or `auroc`.
    draws, seeds
        Number of draws of training rows, and of training runs on each draw.
    sd
        Standard deviations of the quality between draws and between seeds, on the logit scale.
    """
    draw, seed = (one.ravel() for one in np.indices((draws, seeds)))

    def simulate(rng: np.random.Generator, times: int) -> Floats:
        return np.array([once(rng) for _ in range(times)])

    def once(rng: np.random.Generator) -> float:
        labels = rng.permutation(np.arange(300) % 2)
        shared = rng.normal(0, SHARED, 300)
        sides = []
        for _ in range(2):
            quality = 1 + rng.normal(0, sd[0], draws)[draw] + rng.normal(0, sd[1], seeds)[seed]
            quality += rng.normal(0, sd[1], len(draw))
            own = rng.normal(0, 0.4, 300) + rng.normal(0, 0.6, (len(draw), 300))
            sides.append(quality[:, None] * (2 * labels - 1) + shared + own)
        every = np.concatenate(sides)
        if metric == "auroc":
            measured = auroc_influence(labels, every)
        else:
            measured = mcc_influence(labels, every > 0)
        values, influence = np.split(measured.values, 2), np.split(measured.influence, 2)
        levels = draw.tolist(), seed.tolist()
        rows = shared_row_variance(influence[0] - influence[1], *levels)
        found = mean_difference(values[0] - values[1], *levels, rows)
        return found.p_value

    return simulate


def over_targets(metric: str, targets: int, seeds: int, sd: float) -> Simulate:
    """Return the simulation of the test of two equally good strategies by their mean over targets.

    Parameters
    ----------
    metric
        `mcc` or `auroc`.
    targets, seeds
        Number of targets, and of training runs on each.
    sd
        Standard deviation of the quality between seeds, on the logit scale.
    """

    def simulate(rng: np.random.Generator, times: int) -> Floats:
        return np.array(
            [
                over_seeds(
                    [two_cells(rng, 100, (seeds, seeds), sd, fixed=False) for _ in range(targets)],
                    metric,
                ).p_value
                for _ in range(times)
            ]
        )

    return simulate


def signs(targets: int) -> Simulate:
    """Return the simulation of the sign-flip test of differences over targets."""
    return lambda rng, times: np.array(
        [sign_flip(one) for one in rng.normal(size=(times, targets))]
    )


def distances(targets: int) -> Simulate:
    """Return the simulation of gains that do not depend on distance; some distances are equal."""

    def simulate(rng: np.random.Generator, times: int) -> Floats:
        years = np.array([12.0, 12, 87, 319, 429, 600, 686, 797, 797, 1275])[:targets]
        return np.array(
            [rank_correlation(years, rng.normal(size=targets))[1] for _ in range(times)]
        )

    return simulate


def over_tasks(tasks: int, models: int) -> Simulate:
    """Return the simulation of equally good models on tasks of different difficulty."""

    def simulate(rng: np.random.Generator, times: int) -> Floats:
        scores = rng.normal(size=(times, tasks, models)) + 5 * rng.normal(size=(times, tasks, 1))
        return np.array([friedman(one)[1] for one in scores])

    return simulate


def models(name: str) -> Simulate:
    """Return the simulation of the test of two ensembles, of one equally good trained model each."""

    def simulate(rng: np.random.Generator, times: int) -> Floats:
        found = []
        for i in range(times):
            # Thresholds chosen on random rows would not be equally good.
            cells = two_cells(rng, 300, (1, 1), 0.0, fixed=False)
            a, b = by_seed(cells._replace(a=_cut(cells.a), b=_cut(cells.b)))
            found.append(paired_test(a, b, num_resamples=400, seed=i)[f"ensemble_{name}"])
        return np.array(found)

    return simulate


def _cut(side: Side) -> Side:
    return side._replace(thresholds=np.full(len(side.scores), 0.5))


CHECKS = {
    **{
        f"friedman_{tasks}x{number}": Check(
            quantity="models over the tasks of a suite (friedman)",
            setting=f"{tasks} tasks, {number} models",
            simulate=over_tasks(tasks, number),
            may_be_careful=True,
            quick=(tasks, number) == (5, 4),
        )
        for tasks, number in ((3, 3), (5, 4), (10, 3), (28, 6))
    },
    **{
        f"few_shot_{metric}_{draws}x{seeds}_sd_{sd[0]:g}_{sd[1]:g}": Check(
            quantity=f"two initialisations on few shots, {metric.upper()} (mean_difference)",
            setting=f"300 test rows, {draws} draws x {seeds} seeds, sd {sd[0]:g} between draws and "
            f"{sd[1]:g} between seeds",
            simulate=few_shots(metric, draws, seeds, sd),
            may_be_careful=True,
            quick=(metric, draws, seeds) == ("auroc", 3, 3),
        )
        for metric in ("mcc", "auroc")
        for draws, seeds, sd in (
            (2, 2, (0.15, 0.05)),
            (3, 3, (0.15, 0.05)),
            (3, 3, (0.0, 0.0)),
            (3, 1, (0.15, 0.05)),
            (5, 3, (0.15, 0.05)),
            (5, 3, (0.05, 0.15)),
        )
    },
    **{
        f"targets_{metric}_{targets}_sd_{sd:g}": Check(
            quantity=f"two strategies, mean over targets, {metric.upper()} (over_seeds)",
            setting=f"{targets} targets of 100 test rows, 3 seeds, seed sd {sd:g}",
            simulate=over_targets(metric, targets, 3, sd),
            may_be_careful=True,
            quick=False,
        )
        for metric in ("mcc", "auroc")
        for targets, sd in ((5, 0.0), (5, 0.15))
    },
    **{
        f"signs_{targets}_targets": Check(
            quantity="two strategies, p over targets (sign_flip)",
            setting=f"{targets} targets",
            simulate=signs(targets),
            may_be_careful=True,
        )
        for targets in (5, 8)
    },
    **{
        f"distance_{targets}_targets": Check(
            quantity="gain against phylogenetic distance (rank_correlation)",
            setting=f"{targets} targets, some at equal distances",
            simulate=distances(targets),
            may_be_careful=True,
            quick=targets != 8,
            times=1000 if targets != 8 else 200,
        )
        for targets in (5, 8, 10)
    },
    **{
        f"models_{name}": Check(
            quantity=f"two trained models or ensembles ({test})",
            setting="300 test rows, one model each, no variation between seeds",
            simulate=models(name),
            quick=False,
        )
        for name, test in (("delong_p", "DeLong"), ("mcc_p", "bootstrap of MCC"))
    },
}
