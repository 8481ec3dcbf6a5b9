"""A sweep, from request to comparison.

The order is always the same: data and audit, tokenizers, encoders, trials, selection on validation,
evaluation on test, report. Every step first looks for existing results, so the same command resumes after
an interruption, and only reads if everything is finished.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from rich.console import Console
from rich.markup import escape

from dnasweep.jobs.messages import mlflow_lines, say
from dnasweep.stages.scores import score_baseline
from dnasweep.storage import telling_of_damage
from dnasweep.sweeps.axes import SweepOptions
from dnasweep.sweeps.comparison import Comparison
from dnasweep.sweeps.executor import Executor
from dnasweep.sweeps.in_process import InProcessExecutor
from dnasweep.sweeps.request import MakeCells, RequestedAxes, Sweep, prepare_sweep, product
from dnasweep.sweeps.results import baseline_result
from dnasweep.sweeps.selection import compare
from dnasweep.tasks.metrics import full_name
from dnasweep.tracking.client import check_reachable, resolve_uri
from dnasweep.tracking.other_trackers import check_trackers, copied_lines, make_copies
from dnasweep.tracking.saved_view import trials_view, view_address
from dnasweep.tracking.tracker import Tracker
from dnasweep.workflows.announce import (
    announce_checkpoint,
    announce_data,
    announce_plan,
    announce_report,
    encoder_name,
)
from dnasweep.workflows.evaluation import evaluate_on_test
from dnasweep.workflows.next_steps import explaining
from dnasweep.workflows.phases import Phases
from dnasweep.workflows.sweep_records import Records

Result = TypeVar("Result")


def compare_cells(sweep: Sweep, records: Records, phases: Phases) -> Comparison:
    """Train and evaluate the cells of a sweep, rank them, and test differences between the best.

    Parameters
    ----------
    sweep
        The sweep that was run.
    records
        Its records in MLflow.
    phases
        Phases that compute what is missing.
    """
    # Imported here because they import plotting libraries, which a plan does not need.
    from dnasweep.report.sweep_page import comparison_tables
    from dnasweep.workflows.publication import best_trial, publish

    plan = phases.train()
    results = evaluate_on_test(sweep, records, phases, plan)
    baseline = score_baseline(sweep.storage, sweep.recipe.dataset, plan.classifiers[0].target)
    comparison = compare(
        results,
        baselines=[baseline_result(baseline)],
        metric=sweep.options.metric,
        labels=sweep.data.labels,
        twins=sweep.data.audit.with_twins("test"),
        shared_encoders=bool(plan.encoders) and not sweep.recipe.pretrain_per_seed,
    )
    best = best_trial(comparison, results)
    phases.keep_whole([s for s in plan.classifiers if best and s.key == best.trial_key])
    report = publish(sweep, plan, records, results, comparison, phases.importance)
    page, table = report / "comparison.html", report / "comparison.csv"
    announce_report(sweep.console, comparison_tables(comparison), page, table)
    return comparison


def run_sweep(
    name: str,
    axes: RequestedAxes,
    options: SweepOptions,
    console: Console,
    *,
    cells: MakeCells = product,
    ending: Callable[[Sweep, Records, Phases], Result] = compare_cells,  # type: ignore[assignment]
    executor: type[Executor] | None = None,
) -> Result | None:
    """Run a sweep and return what `ending` returns; None after a dry run.

    Parameters
    ----------
    name
        Name of the sweep and, by default, of the MLflow experiment.
    axes
        Values of each axis, by the name of a :class:`~dnasweep.stages.recipe.Cell` field. The grid is their
        product; a search draws from the same values. Instead of values, an axis may have a function that
        determines them from the data.
    options
        Options other than the axes.
    console
        Console for progress and results.
    cells
        Function that makes the cells from the axes and the data, if they are not the product of the axes;
        axes may then have other names.
    ending
        Trains, evaluates on test and reports. The default ranks the cells and returns their
        :class:`~dnasweep.sweeps.comparison.Comparison`.
    executor
        Executor of the sweep; None: Ray. :class:`~dnasweep.sweeps.in_process.InProcessExecutor` computes a
        grid in this process, with equal results.

    Raises
    ------
    InputError
        For any problem that the user can fix, before training if it can be detected by then.
    """
    check_trackers(options.also)
    executor = executor or _executor_of(options)
    sweep = prepare_sweep(
        name, axes, options, console, cells=cells, resolve=executor.resolve_precision
    )
    options = sweep.options
    uri = resolve_uri(options.tracking_uri, sweep.storage.root)
    announce_data(console, sweep.data)
    announce_plan(
        sweep,
        fine_tunes=ending is not pretrain,
        # A dry run itself never uses Ray, but what it plans does.
        on_ray=options.dry_run or executor is not InProcessExecutor,
    )
    if options.dry_run:
        return None
    check_reachable(uri)
    folder, experiment = sweep.storage.folder("sweeps", sweep.key), options.name or name
    copies = make_copies(options.also, experiment=experiment, sweep=sweep.key, folder=folder)
    with (
        Tracker(uri, experiment, folder / "spool", copies=copies) as tracker,
        contextlib.ExitStack() as stack,
    ):
        warn = partial(console.print, style="yellow", markup=False, soft_wrap=True)
        stack.enter_context(telling_of_damage(sweep.storage.local, warn))
        records = Records(
            tracker,
            sweep.key,
            sweep.data,
            full_name(options.metric),
            sweep.recipe.checkpoints,
        )
        records.open(f"{name} {sweep.key[:6]}", sweep.parameters)
        shown = [f"{split}/{options.metric}" for split in ("best", "test")]
        tracker.view(sweep.key, trials_view(sweep.key, parameters=list(sweep.axes), metrics=shown))
        opened = stack.enter_context(executor.open(sweep, uri))
        try:
            result = ending(sweep, records, Phases(sweep, records, opened))
        except BaseException as error:
            tracker.end(sweep.key, "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
            raise
        tracker.end(sweep.key)
    if copies:
        for tracker_name in options.also:
            sweep.storage.share(folder / tracker_name)
        say(copied_lines(copies), console)
    if lines := mlflow_lines(uri):
        if address := view_address(uri, experiment, sweep.key):
            lines.append(f"       open {address} for the trials, best first")
        say(lines, console)
        if command := explaining(sweep):
            next_step = "[bold]next[/]   see why the best model calls a promoter:"
            say([next_step, escape(command)], console)
    return result


def _executor_of(options: SweepOptions) -> type[Executor]:
    if options.dry_run and not (options.address or os.environ.get("RAY_ADDRESS")):
        # A plan does not use a cluster, and should not wait for the import of Ray.
        return InProcessExecutor
    from dnasweep.runtime.executor import RayExecutor

    return RayExecutor


def finetune(sweep: Sweep, records: Records, phases: Phases) -> None:
    """Train the cells of a sweep and print their locations, without evaluating on test.

    Parameters
    ----------
    sweep
        The sweep that was run.
    records
        Its records in MLflow.
    phases
        Phases that compute what is missing.
    """
    plan = phases.train()
    for cell, spec in zip(plan.cells, plan.classifiers, strict=True):
        announce_checkpoint(sweep, cell.label, spec)


def pretrain(sweep: Sweep, records: Records, phases: Phases) -> None:
    """Pretrain the encoders of a sweep and print their locations.

    Parameters
    ----------
    sweep
        The sweep that was run.
    records
        Its records in MLflow.
    phases
        Phases that compute what is missing.
    """
    for spec in phases.pretrain():
        announce_checkpoint(sweep, encoder_name(sweep, spec), spec)
