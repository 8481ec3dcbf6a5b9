"""A sweep from its request to its comparison.

The order is always the same: data and audit, tokenizers, encoders, trials, selection on
validation, the test set once, the report. Every step looks first for what is published, so the
same command again goes on where it was stopped and, when all is there, only reads.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from rich.console import Console
from rich.markup import escape

from dnasweep.runtime.cluster.session import resolve_precision
from dnasweep.runtime.preflight.preflight import Requirements, checked_session
from dnasweep.stages.scores import score_baseline
from dnasweep.storage import telling_of_damage
from dnasweep.sweeps.compare import compare
from dnasweep.sweeps.comparison import Comparison
from dnasweep.sweeps.options import SweepOptions
from dnasweep.sweeps.request import MakeCells, RequestedAxes, Sweep, prepare_sweep, product
from dnasweep.sweeps.results import baseline_result
from dnasweep.tasks.metrics import full_name
from dnasweep.tracking.client import check_reachable, resolve_uri, without_password
from dnasweep.tracking.tracker import Tracker
from dnasweep.workflows.announce import (
    announce_checkpoint,
    announce_comparison,
    announce_data,
    announce_plan,
    encoder_name,
)
from dnasweep.workflows.evaluation import evaluate_on_test
from dnasweep.workflows.phases import Phases
from dnasweep.workflows.publication import best_trial, publish
from dnasweep.workflows.sweep_records import Records

Result = TypeVar("Result")


def compare_cells(sweep: Sweep, records: Records, phases: Phases) -> Comparison:
    """End a sweep with the ranking of its cells and tests between the best ones."""
    plan = phases.train()
    results = evaluate_on_test(sweep, records, phases, plan)
    baseline = score_baseline(sweep.storage, sweep.recipe.dataset, plan.classifiers[0].target)
    comparison = compare(
        results,
        baselines=[baseline_result(baseline)],
        metric=sweep.options.metric,
        shared_encoders=bool(plan.encoders) and not sweep.recipe.pretrain_per_seed,
    )
    best = best_trial(sweep, results)
    phases.keep_whole([s for s in plan.classifiers if best and s.key == best.trial_key])
    report = publish(sweep, plan, records, results, comparison, phases.importance)
    announce_comparison(sweep.console, comparison, report)
    return comparison


def run_sweep(
    name: str,
    axes: RequestedAxes,
    options: SweepOptions,
    console: Console,
    *,
    cells: MakeCells = product,
    ending: Callable[[Sweep, Records, Phases], Result] = compare_cells,  # type: ignore[assignment]
) -> Result | None:
    """Run a sweep and return what its ending returns; None after a dry run.

    Parameters
    ----------
    name
        Name of the sweep and, unless told otherwise, of the MLflow experiment.
    axes
        Name of a :class:`~dnasweep.stages.recipe.Cell` field to its values. The grid is their
        product; a search draws from the same values. In place of values an axis may have a function
        that finds them in the data.
    cells
        Makes the cells of the axes and the data, where they are not the product of the axes, which
        may then have other names.
    ending
        Trains, judges and reports. The default ranks the cells and returns their
        :class:`~dnasweep.sweeps.comparison.Comparison`.

    Raises
    ------
    InputError
        For anything the user can mend, before training wherever it can be known by then.
    """
    return _recorded(name, axes, options, console, ending, cells)


def run_finetuning(
    name: str, axes: RequestedAxes, options: SweepOptions, console: Console
) -> None:
    """Train the cells of a sweep and say where they are; the test set stays closed."""
    _recorded(name, axes, options, console, _finetune)


def run_pretraining(
    name: str, axes: RequestedAxes, options: SweepOptions, console: Console
) -> None:
    """Pretrain the encoders of a sweep's cells and say where they are."""
    _recorded(name, axes, options, console, _pretrain)


def _recorded(
    name: str,
    axes: RequestedAxes,
    options: SweepOptions,
    console: Console,
    work: Callable[[Sweep, Records, Phases], Result],
    cells: MakeCells = product,
) -> Result | None:
    sweep = prepare_sweep(name, axes, options, console, cells=cells, resolve=resolve_precision)
    uri = resolve_uri(options.tracking_uri, sweep.storage.root)
    announce_data(console, sweep.data)
    announce_plan(sweep)
    if options.dry_run:
        return None
    check_reachable(uri)
    requirements = _requirements(sweep, uri)
    spool = sweep.storage.folder("sweeps", sweep.key, "spool")
    with Tracker(uri, options.name or name, spool) as tracker, contextlib.ExitStack() as stack:
        stack.enter_context(telling_of_damage(sweep.storage.local, partial(_warn, console)))
        records = Records(tracker, sweep.key, sweep.data, full_name(options.metric))
        records.open(f"{name} {sweep.key[:6]}", sweep.parameters)
        phases = Phases(
            sweep,
            records,
            lambda: stack.enter_context(checked_session(options.address, requirements, console)),
        )
        try:
            result = work(sweep, records, phases)
        except BaseException as error:
            tracker.end(sweep.key, "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
            raise
        tracker.end(sweep.key)
    said = escape(without_password(uri))
    console.print(f"[bold]MLflow[/] mlflow ui --backend-store-uri {said}", soft_wrap=True)
    # It opens among traces of language models, where no run is to be seen.
    console.print("       and there choose Model training, top left")
    return result


def _warn(console: Console, line: str) -> None:
    console.print(f"[yellow]{escape(line)}[/]", soft_wrap=True)


def _requirements(sweep: Sweep, uri: str) -> Requirements | None:
    options = sweep.options
    workers = options.worker_range
    if not options.preflight:
        return None
    return Requirements(
        storage=sweep.storage,
        uri=uri,
        workers=workers.minimum,
        cpus_per_worker=options.cpus_per_worker,
        gpus_per_worker=options.gpus_per_worker,
    )


def _finetune(sweep: Sweep, records: Records, phases: Phases) -> None:
    plan = phases.train()
    for cell, spec in zip(plan.cells, plan.classifiers, strict=True):
        announce_checkpoint(sweep, cell.label, spec)


def _pretrain(sweep: Sweep, records: Records, phases: Phases) -> None:
    for spec in phases.pretrain():
        announce_checkpoint(sweep, encoder_name(sweep, spec), spec)
