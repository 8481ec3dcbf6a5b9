"""Every pair of selected cells, and each against the baseline, tested on the test rows they share."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from dnasweep.report.cells import BaselineResult, TestScores, rows_of
from dnasweep.report.statistics import benjamini_hochberg, bootstrap_mcc, delong_test

COLUMNS = (
    "a",
    "b",
    "num_rows",
    "auroc_a",
    "auroc_b",
    "auroc_difference",
    "delong_z",
    "delong_p",
    "delong_p_adjusted",
    "mcc_a",
    "mcc_b",
    "mcc_difference",
    "mcc_low",
    "mcc_high",
    "mcc_p",
    "mcc_p_adjusted",
)


def pairwise_tests(
    cells: Mapping[str, TestScores],
    baselines: Sequence[BaselineResult] = (),
    *,
    num_resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return one row a pair, p-values adjusted over all pairs.

    Parameters
    ----------
    cells
        Label to scores, seeds joined.
    baselines
        Each is tested against every cell.
    num_resamples, seed
        Of the bootstrap.

    Returns
    -------
    DataFrame
        Columns :data:`COLUMNS`. Benjamini-Hochberg runs over all pairs with a p-value, for DeLong
        and for the bootstrap by itself. A pair that shares too few rows, or rows of more than two
        classes, has nan.
    """
    pairs = list(itertools.combinations(cells.items(), 2))
    pairs += [
        (cell, (baseline.name, baseline.test_scores))
        for cell in cells.items()
        for baseline in baselines
        if baseline.test_scores is not None
        and (baseline.species_set is None or cell[0].endswith(f" / {baseline.species_set}"))
    ]
    records = [
        {"a": a, "b": b, **paired_test(first, second, num_resamples=num_resamples, seed=seed)}
        for (a, first), (b, second) in pairs
    ]
    table = pd.DataFrame.from_records(records, columns=list(COLUMNS))
    for name in ("delong_p", "mcc_p"):
        table[f"{name}_adjusted"] = benjamini_hochberg(table[name].to_numpy(dtype=float))
    return table


def paired_test(
    a: TestScores, b: TestScores, *, num_resamples: int = 2000, seed: int = 0
) -> dict[str, Any]:
    """Test two models on the test rows they share: DeLong and the bootstrap, p not yet adjusted.

    Returns
    -------
    dict
        The columns from `num_rows` on; `num_rows` alone where there are fewer than two rows of a
        class.
    """
    ids = np.intersect1d(a.ids, b.ids)
    rows_a, rows_b = rows_of(a, ids), rows_of(b, ids)
    labels = a.labels[rows_a]
    if not np.array_equal(labels, b.labels[rows_b]):
        raise ValueError("two cells have different labels for the same test rows")
    record: dict[str, Any] = {"num_rows": len(ids)}
    if not np.isin(labels, (0, 1)).all() or min(np.sum(labels == 0), np.sum(labels == 1)) < 2:
        return record
    scores_a, scores_b = a.scores[rows_a], b.scores[rows_b]
    delong = delong_test(labels, scores_a, scores_b)
    bootstrap = bootstrap_mcc(
        labels,
        (scores_a >= a.threshold).astype(int),
        (scores_b >= b.threshold).astype(int),
        num_resamples=num_resamples,
        seed=seed,
    )
    return record | {
        "auroc_a": delong.auroc_a,
        "auroc_b": delong.auroc_b,
        "auroc_difference": delong.difference,
        "delong_z": delong.z,
        "delong_p": delong.p_value,
        "mcc_a": bootstrap.mcc_a,
        "mcc_b": bootstrap.mcc_b,
        "mcc_difference": bootstrap.difference,
        "mcc_low": bootstrap.low,
        "mcc_high": bootstrap.high,
        "mcc_p": bootstrap.p_value,
    }
