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
from dnasweep.sweeps.seed_tests import (
    METRICS,
    BySeed,
    Stratum,
    equal_seeds,
    has_both_classes,
    over_seeds,
    stratum,
)
from dnasweep.sweeps.statistics import bootstrap_mcc, delong_test
from dnasweep.tasks.multiple_tests import benjamini_hochberg

VERDICT = ("a", "b", "difference", "low", "high", "p")
COLUMNS = (
    "a",
    "b",
    "num_rows",
    "num_seeds",
    *(f"{metric}_{name}" for metric in METRICS for name in (*VERDICT, "p_adjusted")),
    *(f"ensemble_auroc_{name}" for name in ("a", "b", "difference")),
    *(f"ensemble_{name}" for name in ("delong_z", "delong_p", "delong_p_adjusted")),
    *(f"ensemble_mcc_{name}" for name in (*VERDICT, "p_adjusted")),
)
P_VALUES = ("mcc_p", "auroc_p", "ensemble_delong_p", "ensemble_mcc_p")


def pairwise_tests(
    cells: Mapping[str, BySeed],
    baselines: Sequence[BaselineResult] = (),
    *,
    num_resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return one row per pair, p-values adjusted.

    Parameters
    ----------
    cells
        Label to scores by seed; the winner, chosen on validation, first.
    baselines
        Each is tested against every cell.
    num_resamples, seed
        Of the bootstrap of ensembles.

    Returns
    -------
    DataFrame
        Columns :data:`COLUMNS`. Benjamini-Hochberg runs over two families, for each test by itself:
        whether the winner is better than each other cell and each baseline, which is what a sweep
        asks, and all other pairs. A pair that shares too few rows, or rows of more than two classes, has nan;
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
    table = pd.DataFrame.from_records(records, columns=list(COLUMNS))
    of_winner = table["a"] == next(iter(cells), None)
    families = [adjusted(table[rows].copy()) for rows in (of_winner, ~of_winner) if rows.any()]
    return pd.concat(families).sort_index() if families else table


def adjusted(table: pd.DataFrame, names: Sequence[str] = P_VALUES) -> pd.DataFrame:
    """Return the table with p-values adjusted over its rows (Benjamini-Hochberg), test by test."""
    for name in names:
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
        Of the bootstrap of ensembles.

    Returns
    -------
    dict
        The columns from `num_rows` on; `num_rows` and `num_seeds` alone where there are fewer than
        two rows of a class.
    """
    seeds_a, seeds_b = (sorted(a), sorted(b)) if fixed else equal_seeds(list(a), list(b))
    chosen_a, chosen_b = [a[one] for one in seeds_a], [b[one] for one in seeds_b]
    shared = stratum(chosen_a, chosen_b)
    record: dict[str, Any] = {"num_rows": len(shared.labels), "num_seeds": len(seeds_a)}
    if not has_both_classes(shared):
        return record
    for metric in METRICS:
        found = over_seeds([shared], metric, fixed=fixed)
        record |= {f"{metric}_{n}": v for n, v in zip(VERDICT, found, strict=True)}
    return record | _ensembles(shared, num_resamples, seed)


def _ensembles(shared: Stratum, num_resamples: int, seed: int) -> dict[str, Any]:
    """Compare the mean scores of either side, called by the mean of the thresholds."""
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
    } | {f"ensemble_mcc_{n}": v for n, v in zip(VERDICT, bootstrap, strict=True)}
