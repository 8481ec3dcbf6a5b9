"""Compare the trials of a sweep: ranking, selection, pairwise tests and findings.

Selection uses only validation metrics. Test metrics and test scores are read only for the selected
cells, so the test set is used once, after :func:`select` has chosen them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from dnasweep.data.labels import ZERO_AND_ONE, Labels
from dnasweep.stages.specs import CNN
from dnasweep.sweeps.cell_results import (
    BaselineResult,
    CellResult,
    scores_by_seed,
)
from dnasweep.sweeps.comparison import Comparison
from dnasweep.sweeps.findings import sweep_findings
from dnasweep.sweeps.pairs import pairwise_tests
from dnasweep.sweeps.seed_tests import BySeed
from dnasweep.sweeps.tables import (
    baseline_table,
    grouped,
    higher_is_better,
    output_table,
    ranked,
    selected_table,
    sign_of,
    species_table,
    unhealthy_table,
)
from dnasweep.sweeps.twin_scores import twin_scores
from dnasweep.tasks.registry import task_of


def comparison_group(cell: CellResult) -> Hashable:
    """Return the comparison group of a cell: same tokenizer, species set, masking and tuning."""
    return cell.label


def select(
    cells: Sequence[CellResult],
    *,
    metric: str = "mcc",
    by: Callable[[CellResult], Hashable] = comparison_group,
) -> list[CellResult]:
    """Return the trials to evaluate on test.

    These are all healthy seeds of the best combination of each comparison group by the mean
    validation metric. A combination with a seed that did not finish healthy is selected only if
    the group has no other.

    Parameters
    ----------
    cells
        All trials.
    metric
        Validation metric with a known direction.
    by
        Returns the comparison group of a cell; default: :func:`comparison_group`.
    """
    name = _bare_name(metric)
    chosen: list[CellResult] = []
    for group in grouped(cells, by):
        best = _best_combination(group, name)
        chosen += [cell for cell in best if cell.healthy(name)]
    return chosen


def compare(
    cells: Sequence[CellResult],
    *,
    baselines: Sequence[BaselineResult] = (),
    metric: str = "mcc",
    shared_encoders: bool = False,
    twins: Collection[str] = (),
    num_resamples: int = 2000,
    seed: int = 0,
    labels: Labels = ZERO_AND_ONE,
) -> Comparison:
    """Compare the trials of a sweep.

    Parameters
    ----------
    cells
        All trials. Test results are read only for the selected ones.
    baselines
        References to show and test together with the selected cells.
    metric
        Metric to select and rank by, for example `mcc` or `validation/auroc`; its direction is
        defined in :data:`dnasweep.tasks.metrics.METRICS`.
    shared_encoders
        Whether all seeds of a pretrained cell start from one encoder.
    twins
        Ids of test rows that have a twin in the training rows, for scores with and without them.
    num_resamples
        Number of bootstrap resamples for the MCC of ensembles.
    seed
        Seed of the bootstrap.
    labels
        Description of the labels of the data.
    """
    name = _bare_name(metric)
    axes = tuple(sorted({axis for cell in cells for axis in cell.axes}))
    chosen = select(cells, metric=name)
    keys = {cell.combination for cell in chosen}
    rows = ranked(cells, name, axes, keys)
    selected = selected_table(chosen, rows, name, baselines)
    comparison = Comparison(
        metric=name,
        higher_is_better=higher_is_better(name),
        axes=axes,
        rows=rows,
        selected=selected,
        baseline=baseline_table(baselines),
        pairwise=pairwise_tests(
            _by_seed(chosen, selected),
            baselines,
            num_resamples=num_resamples,
            seed=seed,
            task=task_of(labels),
        ),
        by_species=species_table(chosen, name),
        by_output=output_table(chosen, selected),
        by_twins=twin_scores(_in_order(chosen, selected), baselines, twins, name),
        unhealthy=unhealthy_table(cells, name),
        shared_encoders=shared_encoders,
        start=_start(cells),
        labels=labels,
    )
    return comparison.with_findings(sweep_findings(comparison, cells))


def _start(cells: Sequence[CellResult]) -> Literal["species_set", "checkpoint", "start"]:
    """Return what cells start from: species sets, checkpoints, or some from either."""
    if all(cell.checkpoint in (None, CNN) for cell in cells):
        return "species_set"
    pretrained = any(cell.checkpoint is None and cell.species_set != "none" for cell in cells)
    return "start" if pretrained else "checkpoint"


def _bare_name(metric: str) -> str:
    return metric.rsplit("/", 1)[-1]


def _best_combination(cells: list[CellResult], metric: str) -> list[CellResult]:
    def worth(group: list[CellResult]) -> tuple[bool, float]:
        healthy = [cell for cell in group if cell.healthy(metric)]
        mean = np.mean([cell.validation_metric(metric) for cell in healthy]) if healthy else np.nan
        return len(healthy) == len(group), sign_of(metric) * float(mean)

    groups = [g for g in grouped(cells, lambda c: c.combination) if np.isfinite(worth(g)[1])]
    return max(groups, key=worth, default=[])


def _in_order(chosen: list[CellResult], selected: pd.DataFrame) -> list[CellResult]:
    """Return the selected trials, those of the best cell first."""
    order = {} if selected.empty else {name: i for i, name in enumerate(selected["cell"])}
    return sorted(chosen, key=lambda cell: order[cell.label])


def _by_seed(chosen: list[CellResult], selected: pd.DataFrame) -> dict[str, BySeed]:
    """Return scores by cell, the best first, so pairs compare the better with the other."""
    found = {
        group[0].label: scores
        for group in grouped(chosen, lambda cell: cell.combination)
        if (scores := scores_by_seed(group))
    }
    order: list[str] = [] if selected.empty else selected["cell"].to_list()
    return {label: found[label] for label in order if label in found}
