"""Pairs of strategies tested on the same rows: on each target, and on the mean over targets."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from dnasweep.genome.transfer import STRATEGIES
from dnasweep.report.cells import TestScores, rows_of
from dnasweep.report.pairs import COLUMNS, paired_test
from dnasweep.report.statistics import benjamini_hochberg, bootstrap_mean_mcc, delong_test

EVERY = "all"
"""The target of a test on the mean over targets."""

Scores = Mapping[tuple[str, str, str], TestScores]
"""Tokenizer, target and strategy to scores, seeds joined."""


def target_tests(scores: Scores, *, num_resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Return one row a tokenizer, target and pair of strategies, p-values adjusted over all rows.

    Differences are a minus b; b stands before a in `STRATEGIES`. Columns as in
    :data:`dnasweep.report.pairs.COLUMNS`.
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
    columns = ["tokenizer", "target", "a", "b", *(c for c in COLUMNS[2:] if "adjusted" not in c)]
    return _adjusted(pd.DataFrame.from_records(records, columns=columns))


def overall_tests(scores: Scores, *, num_resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Return one row a tokenizer and pair of strategies, on the mean over the targets of both.

    Rows are resampled within targets, and targets count alike: `mcc_p` and `delong_p` ask about
    other rows of these species. `targets_p` asks about other species: whether the differences of
    the targets could as well have had the other sign (:func:`sign_flip`).
    """
    records = []
    for tokenizer in dict.fromkeys(key[0] for key in scores):
        for b, a in itertools.combinations(STRATEGIES, 2):
            pairs = [
                (scores[(tokenizer, target, a)], scores[(tokenizer, target, b)])
                for target in dict.fromkeys(key[1] for key in scores if key[0] == tokenizer)
                if {(tokenizer, target, a), (tokenizer, target, b)} <= scores.keys()
            ]
            tested = _over(pairs, num_resamples, seed) if len(pairs) > 1 else None
            if tested is not None:
                records.append({"tokenizer": tokenizer, "target": EVERY, "a": a, "b": b} | tested)
    return _adjusted(pd.DataFrame.from_records(records))


def _over(
    pairs: list[tuple[TestScores, TestScores]], num_resamples: int, seed: int
) -> dict[str, Any] | None:
    strata, areas = [], []
    for a, b in pairs:
        ids = np.intersect1d(a.ids, b.ids)
        rows_a, rows_b = rows_of(a, ids), rows_of(b, ids)
        labels = a.labels[rows_a]
        if min(np.sum(labels == 0), np.sum(labels == 1)) < 2:
            continue
        scores_a, scores_b = a.scores[rows_a], b.scores[rows_b]
        strata.append((labels, scores_a >= a.threshold, scores_b >= b.threshold))
        areas.append(delong_test(labels, scores_a, scores_b))
    if len(strata) < 2:
        return None
    bootstrap = bootstrap_mean_mcc(strata, num_resamples=num_resamples, seed=seed)
    single = [bootstrap_mean_mcc([s], num_resamples=1).difference for s in strata]
    difference = float(np.mean([area.difference for area in areas]))
    deviation = float(np.sqrt(np.sum([area.variance for area in areas]))) / len(areas)
    z = difference / deviation if deviation > 0 else 0.0
    return {
        "num_rows": sum(len(labels) for labels, _, _ in strata),
        "num_targets": len(strata),
        "auroc_a": float(np.mean([area.auroc_a for area in areas])),
        "auroc_b": float(np.mean([area.auroc_b for area in areas])),
        "auroc_difference": difference,
        "delong_z": z,
        "delong_p": float(2 * stats.norm.sf(abs(z))),
        "mcc_a": bootstrap.mcc_a,
        "mcc_b": bootstrap.mcc_b,
        "mcc_difference": bootstrap.difference,
        "mcc_low": bootstrap.low,
        "mcc_high": bootstrap.high,
        "mcc_p": bootstrap.p_value,
        "num_better": int(sum(value > 0 for value in single)),
        "targets_p": sign_flip(np.array(single)),
    }


def sign_flip(differences: np.ndarray) -> float:
    """Return how often the mean of these is as far from 0 when each may have either sign.

    All 2^n choices of signs are tried, so p is exact and at least 2 / 2^n for n differences that
    are not 0. Fisher, The Design of Experiments (1935).
    """
    signs = np.array(list(itertools.product((-1, 1), repeat=len(differences))))
    means = np.abs(signs @ differences)
    return float(np.mean(means >= np.abs(differences.sum()) - 1e-12))


def rank_correlation(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return Spearman's correlation and its exact two-sided p, over all orders of at most 8 points.

    Ties share their mean rank; nan for fewer than 4 points or where all values of one are equal.
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


def _adjusted(table: pd.DataFrame) -> pd.DataFrame:
    """Add Benjamini-Hochberg p-values over the rows, for each test by itself."""
    for name in ("delong_p", "mcc_p", "targets_p"):
        if name in table:
            values = table[name].to_numpy(dtype=float)
            table[f"{name}_adjusted"] = benjamini_hochberg(values)
    return table
