"""Tests of selected cells on shared test rows, in pairs and against the baselines.

Two questions are asked about each pair. Is one *choice* better: would it also be better with other
test rows and other seeds (:mod:`dnasweep.sweeps.seed_tests`)? The verdict answers this question.
Is one *ensemble*, the mean score of these trained models, better on other test rows (DeLong,
bootstrap)? The answer says nothing about the next training run.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from dnasweep.sweeps.cell_results import BaselineResult
from dnasweep.sweeps.ensembles import compare_ensembles, ensemble_columns
from dnasweep.sweeps.seed_tests import BySeed, equal_seeds, over_seeds, stratum
from dnasweep.tasks.multiple_tests import benjamini_hochberg
from dnasweep.tasks.registry import BINARY
from dnasweep.tasks.task import Task

VERDICT = ("a", "b", "difference", "low", "high", "p")


def columns_of(task: Task) -> tuple[str, ...]:
    """Return the columns of the table of tests for a task."""
    tests = (f"{metric}_{name}" for metric in task.tested for name in (*VERDICT, "p_adjusted"))
    return ("a", "b", "num_rows", "num_seeds", *tests, *ensemble_columns(task))


COLUMNS = columns_of(BINARY)
"""Columns for two classes."""


def pairwise_tests(
    cells: Mapping[str, BySeed],
    baselines: Sequence[BaselineResult] = (),
    *,
    num_resamples: int = 2000,
    seed: int = 0,
    task: Task = BINARY,
) -> pd.DataFrame:
    """Return one row per pair, with adjusted p-values.

    Parameters
    ----------
    cells
        Scores by seed for each label of a cell; the winner, chosen on validation, is first.
    baselines
        Baselines; each is tested against every cell.
    num_resamples, seed
        Number of resamples and seed for the bootstrap of ensembles.
    task
        Task of the models.

    Returns
    -------
    DataFrame
        Columns of :func:`columns_of`. The Benjamini-Hochberg adjustment is applied separately to
        each test and to two families: the winner against each other cell and each baseline, which
        is the question of a sweep, and all other pairs. Results are nan for a pair that shares too
        few rows, and verdicts are nan for a pair with one seed.
    """
    test = partial(paired_test, num_resamples=num_resamples, seed=seed)
    records = [
        {"a": a, "b": b, **test(cells[a], cells[b])} for a, b in itertools.combinations(cells, 2)
    ]
    records += [
        {"a": label, "b": one.name} | test(trained, {0: one.test_scores}, fixed=True)
        for label, trained in cells.items()
        for one in baselines
        if one.test_scores is not None
        and (one.species_set is None or label.endswith(f" / {one.species_set}"))
    ]
    table = pd.DataFrame.from_records(records, columns=list(columns_of(task)))
    of_winner = table["a"] == next(iter(cells), None)
    families = [adjusted(table[rows].copy()) for rows in (of_winner, ~of_winner) if rows.any()]
    return pd.concat(families).sort_index() if families else table


def adjusted(table: pd.DataFrame, names: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the table with p-values of each test adjusted over its rows (Benjamini-Hochberg).

    Parameters
    ----------
    table
        Columns of p-values end in `_p`; changed in place.
    names
        The columns to adjust; default: all of them.
    """
    for name in [n for n in map(str, table) if n.endswith("_p")] if names is None else names:
        if name in table:
            table[f"{name}_adjusted"] = benjamini_hochberg(table[name].to_numpy(dtype=float))
    return table


def paired_test(
    a: BySeed, b: BySeed, *, fixed: bool = False, num_resamples: int = 2000, seed: int = 0
) -> dict[str, Any]:
    """Test two cells on the test rows they share, without adjusting p-values.

    Parameters
    ----------
    a, b
        Scores by seed. Equally many seeds of each cell are compared.
    fixed
        Whether `b` is a single model that does not depend on a seed; all seeds of `a` are then
        compared.
    num_resamples, seed
        Number of resamples and seed for the bootstrap of ensembles.

    Returns
    -------
    dict
        The columns starting with `num_rows`; only `num_rows` and `num_seeds` if a class has fewer
        than two rows, or there are too few rows for a test.
    """
    seeds_a, seeds_b = (sorted(a), sorted(b)) if fixed else equal_seeds(list(a), list(b))
    chosen_a, chosen_b = [a[one] for one in seeds_a], [b[one] for one in seeds_b]
    shared = stratum(chosen_a, chosen_b)
    record: dict[str, Any] = {"num_rows": len(shared.labels), "num_seeds": len(seeds_a)}
    if not shared.testable:
        return record
    for metric in shared.task.tested:
        found = over_seeds([shared], metric, fixed=fixed)
        record |= {f"{metric}_{n}": v for n, v in zip(VERDICT, found, strict=True)}
    return record | compare_ensembles(shared, num_resamples=num_resamples, seed=seed)
