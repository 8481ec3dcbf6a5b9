"""What a suite prints before it runs: its tasks, its models, and the expected time."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from dnasweep.progress import duration
from dnasweep.report.terminal import terminal_table
from dnasweep.stages.plan import published
from dnasweep.sweeps.cost import estimate
from dnasweep.sweeps.suite_draw import MeasureSpeed
from dnasweep.sweeps.suite_request import PlannedTask, SuiteRequest
from dnasweep.tasks.wording import metric_name
from dnasweep.workflows.announce import values_of_cells


def announce_suite(
    request: SuiteRequest,
    console: Console,
    *,
    measure: MeasureSpeed | None = None,
    at_once: int = 1,
) -> None:
    """Print the tasks that were found and those that are missing, the models and the expected time.

    Parameters
    ----------
    request
        The suite.
    console
        Console to print to.
    measure
        Measures the speed of models without earlier training runs; None: no measurement.
    at_once
        Number of trials trained at the same time.
    """
    suite, options = request.suite, request.options
    table = request.table({})
    table["state"] = table["state"].replace("run", "found")
    table["metric"] = table["metric"].map(metric_name)
    shown = table[["task", "metric", "num_train_rows", "num_test_rows", "state", "reason"]]
    console.print(f"[bold]suite[/] {escape(suite.title)}: {escape(suite.source)}", soft_wrap=True)
    console.print(
        terminal_table(
            f"{len(request.planned)} of {len(table)} tasks were found",
            shown,
            marks=["" if state == "found" else "sick" for state in table["state"]],
            left=["task", "metric", "state", "reason"],
            titles={"num_train_rows": "train", "num_test_rows": "test"},
        )
    )
    # The models are those of every task.
    for axis, values in values_of_cells(request.planned[0].sweep).items():
        text = escape(" ".join(map(str, values)))
        console.print(f"[bold]{escape(axis.replace('_', ' '))}[/] {text}", soft_wrap=True)
    there = [published(request.storage, one.sweep.plan)["trials"] for one in request.planned]
    found, number = (sum(counts) for counts in zip(*there, strict=True))
    console.print(
        f"[bold]plan[/] {number} trials ({found} done before), evaluated on test once per task"
    )
    if request.draw:
        console.print(f"[yellow]not all training rows: {escape(request.draw)}; all test rows[/]")
    if request.seconds is not None:
        text = f"about {duration(request.seconds)} in total, within {options.time_budget:g} min"
        text = f"{text}, without earlier results, with up to {at_once} trial(s) at a time"
        console.print(f"[bold]time[/] {text}")
    elif options.dry_run:
        costs = [_seconds(request, one, measure, at_once) for one in request.planned]
        known = [one for one in costs if one is not None]
        text = "unknown until the first training runs of these models have finished"
        if len(known) == len(costs):
            text = f"about {duration(sum(known))} of training, up to {at_once} trial(s) at a time"
        console.print(f"[bold]time[/] {text}")
    if options.dry_run:
        console.print("Nothing was started: leave out --dry-run to run it.")


def _seconds(
    request: SuiteRequest, planned: PlannedTask, measure: MeasureSpeed | None, at_once: int
) -> float | None:
    """Return the seconds that the missing training runs of a task take, some at the same time."""
    sweep, total = planned.sweep, 0.0
    width = int(sweep.data.table["sequence"].str.len().median())
    at_length = None if measure is None else lambda spec: measure(spec, width)
    for specs in (sweep.plan.encoders, sweep.plan.classifiers):
        missing = [s for s in specs if not request.storage.exists(s.kind, s.key)]
        cost = estimate(request.storage, missing, at_length)
        if cost is None:
            return None
        total += cost.seconds / min(at_once, max(1, len(missing)))
    return total
