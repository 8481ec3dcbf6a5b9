"""The request for a suite: its tasks, those with data, and a sweep for each of them."""

from __future__ import annotations

import dataclasses
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd
from rich.console import Console
from rich.markup import escape

from dnasweep.config import content_key
from dnasweep.data.suite_folders import FoundTask, find_tasks, suite_folders
from dnasweep.data.suites import Suite, SuiteTask, find_suite
from dnasweep.errors import InputError
from dnasweep.models.encoder.precision import ResolvePrecision, resolve_here
from dnasweep.stages.dataset import rows_of
from dnasweep.storage import Storage, usable_storage
from dnasweep.sweeps.request import Sweep, prepare_sweep
from dnasweep.sweeps.suite_draw import MeasureSpeed, Probe, choose_draw
from dnasweep.sweeps.suite_options import SuiteOptions
from dnasweep.sweeps.time_budget import LEAST_ROWS, Draw


class PlannedTask(NamedTuple):
    """A task that will be run."""

    task: SuiteTask
    """The task."""
    options: SuiteOptions
    """Options of its sweep."""
    sweep: Sweep
    """Its sweep, checked against the data."""

    @property
    def num_train(self) -> int:
        """Training rows of each model."""
        return len(rows_of(self.sweep.data.table, ()).train)


@dataclass(frozen=True, kw_only=True)
class SuiteRequest:
    """A suite with its models, and a sweep for each task with data."""

    suite: Suite
    """The suite."""
    options: SuiteOptions
    """Options of the command."""
    storage: Storage
    """Where artefacts are stored."""
    planned: tuple[PlannedTask, ...]
    """Tasks to run, in the order of the suite."""
    absent: Mapping[str, tuple[str, str]]
    """State and reason for each task that is not run."""
    draw: str
    """How training rows are drawn, in words; empty: all are used."""
    seconds: float | None = None
    """Expected duration, if there is a time limit."""

    @property
    def key(self) -> str:
        """Identity of the suite with these models and rows."""
        return content_key("suite", self.suite.name, [one.sweep.key for one in self.planned])

    def table(self, failed: Mapping[str, str]) -> pd.DataFrame:
        """Return one row per requested task; `failed` names those without a result."""
        records: list[dict[str, Any]] = []
        planned = {one.task.name: one for one in self.planned}
        for task in self.suite.chosen(self.options.tasks):
            state, reason = self.absent.get(task.name, ("run", ""))
            if task.name in failed:
                state, reason = "failed", failed[task.name]
            record: dict[str, Any] = dataclasses.asdict(task) | {"state": state, "reason": reason}
            del record["folders"]
            if task.name in planned:
                counts = planned[task.name].sweep.data.table["split"].value_counts()
                record |= {
                    f"num_{name}_rows": int(counts.get(name, 0))
                    for name in ("train", "validation", "test")
                }
            records.append(record)
        order = ["name", "group", "about", "classes", "metric", "state", "reason"]
        order += [f"num_{name}_rows" for name in ("train", "validation", "test")]
        table = pd.DataFrame(records).reindex(columns=order).rename(columns={"name": "task"})
        counted = {name: "Int64" for name in order if name.startswith("num_")}
        return table.astype(counted)


def prepare_suite(
    options: SuiteOptions,
    console: Console,
    *,
    resolve: ResolvePrecision = resolve_here,
    measure: MeasureSpeed | None = None,
    at_once: int = 1,
) -> SuiteRequest:
    """Find the tasks of a suite, choose the number of rows, and plan a sweep for each.

    Parameters
    ----------
    options
        Options of the command.
    console
        Console for messages.
    resolve
        Returns the precision that `--precision auto` means on the machine where the sweeps will
        run.
    measure
        Measures the speed of models without earlier training runs, for a time limit.
    at_once
        Number of trials trained at the same time.

    Raises
    ------
    InputError
        For an unknown suite or task, a folder without any task, and if no task can be run.
    """
    suite = find_suite(options.suite)
    tasks = suite.chosen(options.tasks)
    storage = usable_storage(options.storage, dry_run=options.dry_run)
    folders = suite_folders(suite, options.data, download=options.download)
    found = find_tasks(suite, folders, tasks)
    absent: dict[str, tuple[str, str]] = {
        one.task.name: (one.state, one.reason) for one in found if one.state != "found"
    }
    there = [one for one in found if one.state == "found"]
    draw, seconds = "", None
    if options.time_budget is not None:
        with console.status("choosing how many rows fit into the time"):
            chosen = _choose(suite, there, options, absent, storage, resolve, measure, at_once)
        draw, seconds = chosen.text, chosen.seconds
        options = dataclasses.replace(options, train_rows=chosen.num_rows)
    elif options.train_rows is not None:
        draw = Draw(options.train_rows, 0.0).text
    planned = []
    for one in there:
        if one.task.name in absent:
            continue
        with console.status(f"reading and auditing {escape(one.task.name)}"):
            try:
                planned.append(plan_task(suite, one, options, resolve))
            except InputError as error:
                absent[one.task.name] = ("refused", str(error))
    if not planned:
        name, (state, reason) = next(iter(absent.items()))
        several = f"none of the {len(absent)} tasks of {suite.title} can be run"
        raise InputError(
            f"{several}; the first, {name}, is {state}: {reason.rstrip('.')}",
            remedy="Fix the cause, or choose other --tasks.",
        )
    return SuiteRequest(
        suite=suite,
        options=options,
        storage=storage,
        planned=tuple(planned),
        absent=absent,
        draw=draw,
        seconds=seconds,
    )


def plan_task(
    suite: Suite, found: FoundTask, options: SuiteOptions, resolve: ResolvePrecision
) -> PlannedTask:
    """Return a task with its sweep; its preparation messages are shown again when it is run.

    Parameters
    ----------
    suite
        The suite.
    found
        The task and its folder.
    options
        Options of the command.
    resolve
        Returns the precision that `--precision auto` means on the machine where it will run.

    Raises
    ------
    InputError
        If its files cannot be used, or the models do not suit them.
    """
    name = sweep_name(suite, found.task)
    own = dataclasses.replace(
        options,
        data=(str(found.path),),
        metric=found.task.metric,
        # If the task is a single file, one of its columns gives the splits.
        split="given",
        name=f"{options.name}-{found.task.name}" if options.name else None,
    )
    quiet = Console(file=io.StringIO())
    return PlannedTask(found.task, own, prepare_sweep(name, own.axes, own, quiet, resolve=resolve))


def sweep_name(suite: Suite, task: SuiteTask) -> str:
    """Return the name of the sweep over a task, by which its models are registered."""
    return f"{suite.name}-{task.name}"


def _choose(
    suite: Suite,
    there: Sequence[FoundTask],
    options: SuiteOptions,
    absent: dict[str, tuple[str, str]],
    storage: Storage,
    resolve: ResolvePrecision,
    measure: MeasureSpeed | None,
    at_once: int,
) -> Draw:
    """Plan the tasks on a few rows, and estimate from this how many rows fit the time limit.

    Tasks that cannot be read are added to `absent`.
    """
    began = time.monotonic()
    few = dataclasses.replace(options, train_rows=LEAST_ROWS, time_budget=None)
    probes = []
    for one in there:
        try:
            planned = plan_task(suite, one, few, resolve)
        except InputError as error:
            absent[one.task.name] = ("refused", str(error))
        else:
            probes.append(Probe(one.task.name, planned.sweep))
    return choose_draw(options, probes, storage, measure=measure, at_once=at_once, began=began)
