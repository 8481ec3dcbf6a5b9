"""Tests of pairs of strategies on the same rows: on each target, and on the mean over targets."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from dnasweep.sweeps.pairs import VERDICT, adjusted, columns_of, paired_test
from dnasweep.sweeps.seed_tests import (
    BySeed,
    equal_seeds,
    over_seeds,
    stratum,
)
from dnasweep.sweeps.tables import sign_of
from dnasweep.sweeps.transfer_strategies import STRATEGIES
from dnasweep.tasks.registry import BINARY
from dnasweep.tasks.task import Task

EVERY = "all"
"""Name used as target in tests on the mean over targets."""
MAX_EXACT = 16
"""Number of targets up to which all choices of signs are tried."""
FLIPS = 100_000
"""Number of choices of signs for more targets, including the given one."""

Scores = Mapping[tuple[str, str, str], BySeed]
"""Scores by seed, for each tokenizer, target and strategy."""


def target_tests(
    scores: Scores, *, num_resamples: int = 2000, seed: int = 0, task: Task = BINARY
) -> pd.DataFrame:
    """Return one row per tokenizer, target and pair of strategies, adjusted over all rows.

    Differences are a minus b; b comes before a in `STRATEGIES`. Columns as in
    :func:`dnasweep.sweeps.pairs.columns_of`.

    Parameters
    ----------
    scores
        Test scores by tokenizer, target and strategy, and by seed.
    num_resamples, seed
        Number of resamples and seed for the bootstrap of ensembles.
    task
        Task of the models.
    """
    records = []
    for tokenizer, target in dict.fromkeys(key[:2] for key in scores):
        for b, a in itertools.combinations(STRATEGIES, 2):
            first = scores.get((tokenizer, target, a))
            second = scores.get((tokenizer, target, b))
            if first is None or second is None:
                continue
            tested = paired_test(first, second, num_resamples=num_resamples, seed=seed)
            records.append({"tokenizer": tokenizer, "target": target, "a": a, "b": b} | tested)
    columns = ["tokenizer", "target", *(c for c in columns_of(task) if "adjusted" not in c)]
    return adjusted(pd.DataFrame.from_records(records, columns=columns))


def overall_tests(scores: Scores, *, task: Task = BINARY) -> pd.DataFrame:
    """Return one row per tokenizer and pair of strategies, on the mean over the targets of both.

    All targets have equal weight. For each metric that the task is tested by, such as `mcc`:
    `mcc_p` accounts for other rows of these species and other seeds, and uses only seeds that a
    strategy has on every target; `mcc_targets_p` accounts for other species, by testing whether
    the differences of the targets could equally well have the opposite sign (:func:`sign_flip`);
    `mcc_num_better` counts the targets on which a is better.

    Parameters
    ----------
    scores
        As for :func:`target_tests`.
    task
        Task of the models.
    """
    records = []
    for tokenizer in dict.fromkeys(key[0] for key in scores):
        for b, a in itertools.combinations(STRATEGIES, 2):
            pairs = [
                (scores[(tokenizer, target, a)], scores[(tokenizer, target, b)])
                for target in dict.fromkeys(key[1] for key in scores if key[0] == tokenizer)
                if {(tokenizer, target, a), (tokenizer, target, b)} <= scores.keys()
            ]
            tested = _over(pairs) if len(pairs) > 1 else None
            if tested is not None:
                records.append({"tokenizer": tokenizer, "target": EVERY, "a": a, "b": b} | tested)
    names = [f"{metric}_{p}" for metric in task.tested for p in ("p", "targets_p")]
    return adjusted(pd.DataFrame.from_records(records), names)


def _over(pairs: Sequence[tuple[BySeed, BySeed]]) -> dict[str, Any] | None:
    everywhere = [sorted(set.intersection(*map(set, side))) for side in zip(*pairs, strict=True)]
    seeds_a, seeds_b = equal_seeds(*everywhere)
    if not seeds_a:
        return None
    strata = [stratum([a[one] for one in seeds_a], [b[one] for one in seeds_b]) for a, b in pairs]
    strata = [one for one in strata if one.testable]
    if len(strata) < 2:
        return None
    record: dict[str, Any] = {
        "num_rows": sum(len(one.labels) for one in strata),
        "num_targets": len(strata),
        "num_seeds": len(seeds_a),
    }
    for metric in strata[0].task.tested:
        found = over_seeds(strata, metric)
        record |= {f"{metric}_{n}": v for n, v in zip(VERDICT, found, strict=True)}
        single = np.array([over_seeds([one], metric).difference for one in strata])
        record[f"{metric}_num_better"] = int((sign_of(metric) * single > 0).sum())
        record[f"{metric}_targets_p"] = sign_flip(single)
    return record


def sign_flip(differences: np.ndarray) -> float:
    """Return how often the mean is at least as far from 0 with random signs: the p-value.

    Up to `MAX_EXACT` differences, all 2^n choices of signs are tried, so p is exact, and at least
    2 / 2^n for n differences that are not 0. For more, `FLIPS` choices are drawn, and the given one
    counts as another. Fisher, The Design of Experiments (1935).
    """
    num = len(differences)
    if num <= MAX_EXACT:
        signs = np.array(list(itertools.product((-1, 1), repeat=num)))
    else:
        signs = np.random.default_rng(0).choice((-1, 1), size=(FLIPS, num))
        signs[0] = 1
    means = np.abs(signs @ differences)
    return float(np.mean(means >= np.abs(differences.sum()) - 1e-12))


def rank_correlation(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return Spearman's correlation and its exact two-sided p, over all orders of at most 8 points.

    Ties share their mean rank; nan for fewer than 4 points or if all values of one variable are
    equal.
    """
    if len(x) < 4 or len(set(x)) < 2 or len(set(y)) < 2:
        return float("nan"), float("nan")
    first, second = stats.rankdata(x), stats.rankdata(y)
    if len(x) > 8:
        found = stats.spearmanr(x, y)
        return float(found.statistic), float(found.pvalue)
    first, second = first - first.mean(), second - second.mean()
    orders = np.array(list(itertools.permutations(second)))
    scale = np.sqrt((first @ first) * (second @ second))
    observed = float(first @ second / scale)
    p_value = float(np.mean(np.abs(orders @ first / scale) >= abs(observed) - 1e-12))
    return observed, p_value
