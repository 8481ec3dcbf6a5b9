"""The value of pretraining on other species, for each target: a target x strategy matrix.

As in every comparison, selection uses only validation metrics, and test metrics are read only for
the selected combinations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from dnasweep.data.catalogue import Catalogue
from dnasweep.data.labels import ZERO_AND_ONE, Labels
from dnasweep.data.species import known
from dnasweep.data.species_sets import species_set
from dnasweep.sweeps.cell_results import BaselineResult, CellResult, bare, scores_by_seed
from dnasweep.sweeps.comparison import Transfer
from dnasweep.sweeps.selection import select
from dnasweep.sweeps.tables import (
    grouped,
    higher_is_better,
    ranked,
    selected_table,
    unhealthy_table,
)
from dnasweep.sweeps.transfer_findings import transfer_findings
from dnasweep.sweeps.transfer_strategies import STRATEGIES, nearest_relative, strategy_of
from dnasweep.sweeps.transfer_tests import overall_tests, target_tests
from dnasweep.tasks.registry import task_of


def comparison_group(cell: CellResult) -> tuple[str, str, str]:
    """Return the comparison group of a cell: same tokenizer, target and strategy."""
    return (cell.tokenizer, _target(cell), _strategy(cell))


def compare_strategies(
    cells: Sequence[CellResult],
    *,
    baselines: Mapping[str, BaselineResult] | None = None,
    metric: str = "mcc",
    relatives: Sequence[str] = (),
    catalogue: Catalogue | None = None,
    left_out: Sequence[str] = (),
    num_resamples: int = 2000,
    labels: Labels = ZERO_AND_ONE,
) -> Transfer:
    """Compare the trials of a species transfer.

    Parameters
    ----------
    cells
        All trials, with their target in `axes`. Test results are read only for the selected ones.
    baselines
        The k-mer baseline of each target.
    metric
        Metric for selection and display.
    relatives
        Species with enough rows to be considered as relatives of a target.
    catalogue
        Catalogue of known species; None: that of the platform.
    left_out
        Sentences about the species that are not targets.
    num_resamples
        Number of resamples for the bootstrap of ensembles.
    labels
        Description of the labels of the data.
    """
    name = metric.rsplit("/", 1)[-1]
    axes = tuple(sorted({axis for cell in cells for axis in cell.axes}))
    chosen = select(cells, metric=name, by=comparison_group)
    rows = ranked(cells, name, axes, {cell.combination for cell in chosen})
    matrix = _matrix(chosen, rows, name, baselines or {}, relatives, catalogue or known())
    scores = {
        comparison_group(group[0]): tested
        for group in grouped(chosen, comparison_group)
        if (tested := scores_by_seed(group))
    }
    tests = [
        target_tests(scores, num_resamples=num_resamples, task=task_of(labels)),
        overall_tests(scores, task=task_of(labels)),
    ]
    transfer = Transfer(
        metric=name,
        higher_is_better=higher_is_better(name),
        rows=rows,
        matrix=matrix,
        means=_means(matrix, name),
        tests=pd.concat([table for table in tests if not table.empty] or tests[:1]),
        baseline=_baseline(baselines or {}),
        unhealthy=unhealthy_table(cells, name),
        left_out=tuple(left_out),
        labels=labels,
    )
    return transfer.with_findings(transfer_findings(transfer, len(cells)))


def _target(cell: CellResult) -> str:
    return str(cell.axes["target"])


def _strategy(cell: CellResult) -> str:
    trained_on = cell.axes.get("trained_on")
    return strategy_of(cell.species_set, _target(cell), trained_on)


def _matrix(
    chosen: list[CellResult],
    rows: pd.DataFrame,
    metric: str,
    baselines: Mapping[str, BaselineResult],
    relatives: Sequence[str],
    catalogue: Catalogue,
) -> pd.DataFrame:
    table = selected_table(chosen, rows, metric, ())
    if table.empty:
        return table
    by_key = {cell.trial_key: cell for cell in chosen}
    records: list[dict[Any, Any]] = []
    for record in table.drop(columns=["cell", "rank"]).to_dict("records"):
        seeds = [by_key[key] for key in record["trial_keys"].split() if key in by_key]
        cell, target = seeds[0], record["target"]
        near = nearest_relative(target, _others(cell, target, relatives, catalogue), catalogue)
        reference = baselines.get(target)
        level = bare(reference.test).get(metric) if reference else None
        test = record.get(f"test_{metric}")
        more = {
            "strategy": _strategy(cell),
            "over_baseline": None if level is None or test is None else test - level,
            "pretrain_bases": (cell.pretraining or {}).get("bases_seen", 0.0),
            "finetune_bases": _bases(seeds),
            "nearest_relative": near.species,
            "million_years": near.million_years,
        }
        records.append(record | more)
    matrix = pd.DataFrame.from_records(records)
    first = ["tokenizer", "target", "strategy"]
    matrix = matrix[[*first, *(c for c in matrix if c not in (*first, "trained_on"))]]
    order = {name: catalogue.at_most("human", name) for name in matrix["target"].unique()}
    matrix = matrix.sort_values(
        ["tokenizer", "target", "strategy"],
        key=lambda column: column.map(
            {
                "target": lambda name: (order[name], name),
                "strategy": lambda name: STRATEGIES.index(name),
            }.get(str(column.name), lambda name: name)
        ),
        kind="stable",
    ).reset_index(drop=True)
    return _with_gain(matrix, metric)


def _with_gain(matrix: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Add the difference in the test metric from random initialisation on the same target."""
    if f"test_{metric}" not in matrix:
        return matrix.assign(gain=float("nan"))
    start = matrix[matrix["strategy"] == "random"].set_index(["tokenizer", "target"])
    level = start[f"test_{metric}"].to_dict()
    keys = zip(matrix["tokenizer"], matrix["target"], strict=True)
    return matrix.assign(
        gain=matrix[f"test_{metric}"] - [level.get(key, float("nan")) for key in keys]
    )


def _others(
    cell: CellResult, target: str, relatives: Sequence[str], catalogue: Catalogue
) -> list[str]:
    """Return the relatives whose sequences the model was pretrained or fine-tuned on."""
    read = set(cell.species or ())
    if trained_on := cell.axes.get("trained_on"):
        read |= set(species_set(str(trained_on), (target, *relatives), catalogue))
    return [name for name in relatives if name in read and name != target]


def _bases(seeds: Sequence[CellResult]) -> float:
    return max((cell.history[-1]["bases_seen"] for cell in seeds if cell.history), default=0.0)


def _means(matrix: pd.DataFrame, metric: str) -> pd.DataFrame:
    column = f"test_{metric}"
    if matrix.empty or column not in matrix:
        return pd.DataFrame()
    tables = []
    for tokenizer, part in matrix.groupby("tokenizer", sort=False):
        wide = part.pivot(index="target", columns="strategy", values=column).dropna()
        found = wide.agg(["mean", "min", "max"]).T.reindex([s for s in STRATEGIES if s in wide])
        found = found.set_axis([column, "lowest", "highest"], axis=1).rename_axis("strategy")
        tables.append(found.reset_index().assign(tokenizer=tokenizer, num_targets=len(wide)))
    first = ["tokenizer", "strategy", "num_targets"]
    return pd.concat(tables, ignore_index=True)[[*first, column, "lowest", "highest"]]


def _baseline(baselines: Mapping[str, BaselineResult]) -> pd.DataFrame:
    return pd.DataFrame.from_records(
        [{"target": target, "name": b.name} | b.test_columns for target, b in baselines.items()]
    )
