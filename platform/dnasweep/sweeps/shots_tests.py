"""Tests of initialisations, in pairs and against the baseline, at each number of shots."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from dnasweep.stages.scores import TestScores
from dnasweep.sweeps.cell_results import BaselineResult
from dnasweep.sweeps.mean_differences import mean_difference, shared_row_variance
from dnasweep.sweeps.pairs import adjusted
from dnasweep.sweeps.seed_tests import stratum
from dnasweep.tasks.influence import Measured
from dnasweep.tasks.registry import BINARY
from dnasweep.tasks.task import Task

RANDOM = "no pretraining"
_TEST = ("difference", "low", "high", "p", "p_adjusted")
_HEAD = (
    *("tokenizer", "learning_rate", "shots", "a", "b"),
    *("num_rows", "draws", "pairs", "pairs_for_a"),
)


def columns_of(task: Task) -> list[str]:
    """Return the columns of the table of pairs."""
    return [*_HEAD, *(f"{metric}_{name}" for metric in task.tested for name in _TEST)]


class _Pool(NamedTuple):
    """Metrics of all training runs on the test rows they share."""

    num_rows: int
    places: dict[str, int]
    """Index of each training run, by its key."""
    measured: dict[str, Measured]
    """Measured values by metric."""


def paired_tests(
    runs: pd.DataFrame,
    tested: Mapping[str, TestScores],
    baselines: Sequence[BaselineResult],
    task: Task = BINARY,
) -> pd.DataFrame:
    """Return one row per pair and number of shots, p-values adjusted over all of them.

    Training runs are paired by draw and seed, and with the baseline by draw.
    :mod:`dnasweep.sweeps.mean_differences` describes the tests.

    Parameters
    ----------
    runs
        The trials to compare, with their initialisation, shots, resample, seed and trial key.
    tested
        Test scores by trial key.
    baselines
        One baseline per draw.
    task
        Task of the models, whose metrics are tested.

    Returns
    -------
    DataFrame
        Columns :func:`columns_of`; `pairs_for_a` counts the pairs in which a has the larger value
        of the first metric, which is MCC for classes. The Benjamini-Hochberg adjustment is applied
        over all pairs at all numbers of shots, separately for each metric.
    """
    references = {
        (b.shots, b.resample): b.test_scores for b in baselines if b.shots and b.test_scores
    }
    known = dict(tested) | {f"baseline {key}": scores for key, scores in references.items()}
    records = []
    pool = _pooled(known) if len(known) > 1 else None
    if pool is not None:
        for head, pairs in _pairs(runs, references, task.baseline_name):
            records.append(head | _test(pool, pairs, task.tested[0]))
    return adjusted(pd.DataFrame.from_records(records, columns=columns_of(task)))


def _pooled(known: dict[str, TestScores]) -> _Pool | None:
    shared = stratum(list(known.values()), [])
    if not shared.testable:
        return None
    measured = {metric: shared.measure(metric) for metric in shared.task.tested}
    return _Pool(len(shared.labels), {key: i for i, key in enumerate(known)}, measured)


def _pairs(
    runs: pd.DataFrame, references: Mapping[tuple[int, int], TestScores], baseline: str
) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield each comparison and its pairs of training runs: keys a and b, draw and seed."""
    for (tokenizer, rate, shots), group in runs.groupby(
        ["tokenizer", "learning_rate", "shots"], sort=False, dropna=False
    ):
        keys = {
            name: part.set_index(["resample", "seed"])["trial_key"]
            for name, part in group.groupby("initialisation", sort=False)
        }
        # Later initialisations are the new ones, so pairs compare the new with the old.
        pairs = [(b, a, keys[b], keys[a]) for a, b in itertools.combinations(keys, 2)]
        for name, own in keys.items():
            reference = [f"baseline {(shots, resample)}" for resample, _ in own.index]
            there = [(shots, resample) in references for resample, _ in own.index]
            pairs.append((name, baseline, own, pd.Series(reference, index=own.index)[there]))
        for a, b, first, second in pairs:
            joined = pd.concat([first.rename("a"), second.rename("b")], axis=1, join="inner")
            if len(joined):
                head = {"tokenizer": tokenizer, "learning_rate": rate, "shots": shots}
                yield head | {"a": a, "b": b}, joined.reset_index()


def _test(pool: _Pool, pairs: pd.DataFrame, first: str) -> dict[str, Any]:
    draws, seeds = pairs["resample"].tolist(), pairs["seed"].tolist()
    a, b = ([pool.places[key] for key in pairs[side]] for side in ("a", "b"))
    record: dict[str, Any] = {
        "num_rows": pool.num_rows,
        "draws": len(set(draws)),
        "pairs": len(pairs),
    }
    for metric, found in pool.measured.items():
        differences = found.values[a] - found.values[b]
        rows = shared_row_variance(found.influence[a] - found.influence[b], draws, seeds)
        compared = mean_difference(differences, draws, seeds, rows)
        record |= {f"{metric}_{n}": v for n, v in zip(_TEST, compared, strict=False)}
        if metric == first:
            record["pairs_for_a"] = int((differences > 0).sum())
    return record
