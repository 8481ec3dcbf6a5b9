"""Every pair of selected cells, and each against the baseline, tested on the test rows they share.

Two questions are asked of a pair. Is the one *choice* better: would it be with other test rows and
other seeds (:mod:`dnasweep.sweeps.seed_tests`)? That is the verdict. And is the one *ensemble* better,
the mean score of these trained models, on other test rows (DeLong, bootstrap)? That is no statement
about the next training.
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
    """Return the columns of a table of tests, by what was learned."""
    tests = (f"{metric}_{name}" for metric in task.tested for name in (*VERDICT, "p_adjusted"))
    return ("a", "b", "num_rows", "num_seeds", *tests, *ensemble_columns(task))


COLUMNS = columns_of(BINARY)
"""Those of classes."""


def pairwise_tests(
    cells: Mapping[str, BySeed],
    baselines: Sequence[BaselineResult] = (),
    *,
    num_resamples: int = 2000,
    seed: int = 0,
    task: Task = BINARY,
) -> pd.DataFrame:
    """Return one row per pair, p-values adjusted.

    Parameters
    ----------
    cells
        Label to scores by seed; the winner, chosen on validation, first.
    baselines
        Each is tested against every cell.
    num_resamples, seed
        Number of resamples and seed for the bootstrap of ensembles.
    task
        Task of the models.

    Returns
    -------
    DataFrame
        Columns of :func:`columns_of`. Benjamini-Hochberg runs over two families, for each test by
        itself: whether the winner is better than each other cell and each baseline, which is what a
        sweep asks, and all other pairs. A pair that shares too few rows has nan;
        so has the verdict of a pair with one seed.
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
    """Return the table with p-values adjusted over its rows (Benjamini-Hochberg), test by test.

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
    """Test two cells on the test rows they share, p not yet adjusted.

    Parameters
    ----------
    a, b
        Scores by seed. Of either as many seeds are compared as the other has.
    fixed
        Whether `b` is one training that no seed would change; then all seeds of `a` are compared.
    num_resamples, seed
        Number of resamples and seed for the bootstrap of ensembles.

    Returns
    -------
    dict
        The columns from `num_rows` on; `num_rows` and `num_seeds` alone where there are fewer than
        two rows of a class, or too few rows to tell.
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
