"""A suite, from request to leaderboard: a sweep for each task, and their combined result.

Each task is a complete sweep with its own key, so the same command resumes after an interruption. A task
that cannot be run, or a model that cannot be trained on a task, does not stop the others.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from dnasweep.devices import has_gpu_driver
from dnasweep.errors import InputError, NothingLeft, is_full_disk
from dnasweep.invocation import as_typed
from dnasweep.report.files import write_page
from dnasweep.report.suite_page import SuiteFrame, leaderboard_tables, suite_page
from dnasweep.stages.recipe import Cell
from dnasweep.stages.speed import measure_speed
from dnasweep.storage.output_folder import publish_files
from dnasweep.sweeps.checkpoint_names import short_names
from dnasweep.sweeps.comparison import Comparison
from dnasweep.sweeps.executor import Executor
from dnasweep.sweeps.leaderboard import STEM, Leaderboard, make_leaderboard
from dnasweep.sweeps.results import start_of
from dnasweep.sweeps.suite_options import SuiteOptions
from dnasweep.sweeps.suite_request import PlannedTask, SuiteRequest, prepare_suite
from dnasweep.sweeps.suite_scores import TaskResult, model_name
from dnasweep.tracking.client import NO_TRACKING, resolve_uri
from dnasweep.tracking.tags import command, package_versions
from dnasweep.workflows.announce import announce_report
from dnasweep.workflows.next_steps import ALIAS, REPORT, flags_of, registered_name
from dnasweep.workflows.suite_plan import announce_suite
from dnasweep.workflows.sweep import run_sweep


def run_suite(
    options: SuiteOptions, console: Console, *, executor: type[Executor] | None = None
) -> Leaderboard | None:
    """Run the models of a suite on all of its tasks and return the leaderboard; None after a dry run.

    Parameters
    ----------
    options
        Options of the command.
    console
        Console for progress and results.
    executor
        Executor of the sweeps; None: Ray, with one session for all tasks.

    Raises
    ------
    InputError
        For problems that the user can fix and that concern all tasks, and if no task gives a result.
    """
    at_once = 1
    session: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if executor is None:
        # Imported here because it imports Ray, which a suite in this process does not need.
        from dnasweep.runtime.cluster.session import kept_session
        from dnasweep.runtime.executor import RayExecutor

        executor, session, at_once = RayExecutor, kept_session(), _trials_at_once(options)
    measure = measure_speed if options.time_budget is not None or options.dry_run else None
    request = prepare_suite(
        options, console, resolve=executor.resolve_precision, measure=measure, at_once=at_once
    )
    announce_suite(request, console, measure=measure, at_once=at_once)
    if options.dry_run:
        return None
    results, failed = [], dict[str, str]()
    with session:
        for place, planned in enumerate(request.planned, start=1):
            console.rule(f"{place} of {len(request.planned)}: {escape(planned.task.name)}")
            result = _run_task(planned, console, executor)
            results.append(result)
            if not result.comparisons:
                failed[planned.task.name] = next(iter(result.failed.values()), "")
    if len(failed) == len(results):
        name, reason = next(iter(failed.items()))
        raise NothingLeft(
            f"no task of {request.suite.title} gave a result; the first, {name}: {reason}",
            remedy="Fix the cause and run the same command again: finished work is kept.",
        )
    board = make_leaderboard(request.suite, results, request.table(failed), draw=request.draw)
    console.rule(f"{escape(request.suite.title)}: leaderboard")
    folder = _publish(request, board)
    page, table = folder / f"{STEM}.html", folder / f"{STEM}.csv"
    announce_report(console, leaderboard_tables(board), page, table)
    return board


def _run_task(planned: PlannedTask, console: Console, executor: type[Executor]) -> TaskResult:
    """Run the sweep of a task; if its models cannot be trained together, run each separately."""
    found = TaskResult(task=planned.task, num_train_rows=planned.num_train)
    cells = planned.sweep.plan.cells
    shown = short_names(cell.checkpoint for cell in cells if cell.checkpoint)
    comparison, reason = _try_sweep(planned.sweep.name, planned.options, console, executor)
    if comparison is not None:
        return dataclasses.replace(found, comparisons=(comparison,))
    # A checkpoint whose cells were all left out of the plan is another one under another name.
    there = {cell.checkpoint or "none" for cell in cells}
    parts = [(name, options) for name, options in _parts(planned.options) if name in there]
    comparisons, names, failed = [], [], dict[str, str]()
    for number, (name, options) in enumerate(parts if len(parts) > 1 else [], start=1):
        comparison, why = _try_sweep(f"{planned.sweep.name}-{number}", options, console, executor)
        own = [cell for cell in cells if (cell.checkpoint or "none") == name]
        if comparison is not None:
            comparisons.append(comparison)
            names.append({model_of(c, short_names([name])): model_of(c, shown) for c in own})
        else:
            failed |= {model_of(c, shown): why for c in own}
    if not comparisons:
        failed = {model_of(cell, shown): reason for cell in cells} | failed
    return dataclasses.replace(
        found, comparisons=tuple(comparisons), names=tuple(names), failed=failed
    )


def _try_sweep(
    name: str, options: SuiteOptions, console: Console, executor: type[Executor]
) -> tuple[Comparison | None, str]:
    """Run a sweep; return its comparison, or None and why there is none."""
    try:
        return run_sweep(name, options.axes, options, console, executor=executor), ""
    except InputError as error:
        if is_full_disk(error):
            raise
        console.print(f"[yellow]{escape(name)}: {escape(str(error))}[/]", soft_wrap=True)
        return None, str(error)


def _parts(options: SuiteOptions) -> list[tuple[str, SuiteOptions]]:
    """Return the options for each single checkpoint, and for the models without one (`none`)."""
    names = options.checkpoints or ("none",)
    return [
        (name, dataclasses.replace(options, checkpoints=() if name == "none" else (name,)))
        for name in dict.fromkeys(names)
    ]


def model_of(cell: Cell, shown: Mapping[str, str]) -> str:
    """Return the name of the model of a cell, as used in comparisons.

    Parameters
    ----------
    cell
        A canonical cell of a plan.
    shown
        Short name of each checkpoint.
    """
    return model_name({**dataclasses.asdict(cell), "species_set": start_of(cell, shown)})


def _trials_at_once(options: SuiteOptions) -> int:
    """Return the number of trials that run at the same time; one on a cluster, whose size is unknown here."""
    if options.address or os.environ.get("RAY_ADDRESS"):
        return 1
    if options.time_budget is None and not options.dry_run:
        return 1
    if has_gpu_driver():
        # Imported here: it takes seconds, and a machine without a GPU does without.
        import torch

        if torch.cuda.device_count():
            return torch.cuda.device_count()
    return max(1, (os.cpu_count() or 1) // (options.cpus_per_worker or 1))


def _publish(request: SuiteRequest, board: Leaderboard) -> Path:
    """Write the leaderboard, replacing an earlier one completely, and return its folder."""
    storage, options = request.storage, request.options
    facts = {
        "models": ", ".join(board.models),
        "tasks": ", ".join(dict.fromkeys(board.scores["task"])),
        "training rows": board.draw or "all",
        "learning rates": " ".join(f"{rate:g}" for rate in options.learning_rates),
        "seeds": " ".join(map(str, options.seeds)),
        "fine-tuning epochs": f"{options.finetune_epochs:g}",
        "rows in two splits": options.leaks,
        "storage": storage.root,
        "key": request.key,
    }
    if options.time_budget is not None:
        facts["time limit"] = f"{options.time_budget:g} min"
    frame = SuiteFrame(
        command=command(),
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        steps=list(_steps(request)),
        facts=facts,
        versions=package_versions(),
    )
    folder = storage.folder("suites", request.key, REPORT)
    with tempfile.TemporaryDirectory(dir=storage.folder("work")) as scratch:
        aside = Path(scratch)
        write_page(suite_page(board, frame), aside / f"{STEM}.html")
        board.write(aside)
        publish_files(sorted(aside.iterdir()), folder, job="suite")
    storage.share(folder)
    return folder


def _steps(request: SuiteRequest) -> Iterator[tuple[str, str]]:
    """Yield the next steps with the models, with the commands."""
    first = request.planned[0].sweep
    page = request.storage.folder("sweeps", first.key, REPORT) / "comparison.html"
    yield (
        f"Page of one task, {request.planned[0].task.name}, with its tests between models",
        str(page),
    )
    if resolve_uri(request.options.tracking_uri, request.storage.root) != NO_TRACKING:
        model = f"models:/{registered_name(first)}@{ALIAS}"
        line = as_typed(f"dnasweep predict --model {model} --data new.fa --out predictions.csv")
        yield (
            "Predict with the best model of that task",
            f"{line} {flags_of(first)}".rstrip(),
        )
    if request.draw:
        yield "On all rows: the same command without", "--time-budget"
