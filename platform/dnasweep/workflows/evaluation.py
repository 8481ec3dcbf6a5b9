"""The end of every sweep: selection on validation, then evaluation on test.

Trials are selected only on validation. The selected trials are then evaluated on test, once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from dnasweep.stages.plan import SweepPlan
from dnasweep.stages.scores import find_scores
from dnasweep.sweeps.cell_results import CellResult
from dnasweep.sweeps.checkpoint_names import short_names
from dnasweep.sweeps.request import Sweep
from dnasweep.sweeps.results import cell_result, start_of
from dnasweep.sweeps.selection import comparison_group, select
from dnasweep.workflows.phases import Phases
from dnasweep.workflows.sweep_records import Records


def evaluate_on_test(
    sweep: Sweep,
    records: Records,
    phases: Phases,
    plan: SweepPlan,
    *,
    by: Callable[[CellResult], Hashable] = comparison_group,
) -> list[CellResult]:
    """Evaluate the best combination of each comparison group on test, and return all results.

    Parameters
    ----------
    sweep
        The sweep that was run.
    records
        Its records in MLflow.
    phases
        Phases that compute missing test scores.
    plan
        Plan of the sweep: what was trained.
    by
        Function that returns the comparison group of a cell. Default: one group per tokenizer, species set
        and other compared axes.
    """
    results = read_results(sweep, plan, frozenset())
    best = select(results, metric=sweep.options.metric, by=by)
    chosen = frozenset(cell.trial_key for cell in best)
    phases.evaluate_on_tests([spec for spec in plan.classifiers if spec.key in chosen])
    for spec in plan.classifiers:
        if spec.key in chosen and (scored := find_scores(sweep.storage, spec)):
            records.tested(spec, scored.metrics)
    return read_results(sweep, plan, chosen)


def read_results(sweep: Sweep, plan: SweepPlan, tested: frozenset[str]) -> list[CellResult]:
    """Return the result of every cell, with test scores of the trials whose keys are in `tested`.

    Parameters
    ----------
    sweep
        The sweep that was run.
    plan
        Plan of the sweep: what was trained.
    tested
        Keys of the trials whose test scores may be read.
    """
    shown = short_names(cell.checkpoint for cell in plan.cells if cell.checkpoint)
    return [
        cell_result(
            sweep.storage,
            cell,
            spec,
            start=start_of(cell, shown),
            species=sweep.recipe.read_species,
            tested=spec.key in tested,
            error=sweep.errors.get(spec.key),
            last=sweep.last_seen.get(spec.key),
        )
        for cell, spec in zip(plan.cells, plan.classifiers, strict=True)
    ]
