"""Choose how many training rows to draw from each task of a suite for a time limit.

The choice is stored: the speed of a machine varies, but the same command must resume with the same
rows.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dnasweep.config import content_key
from dnasweep.data.reading import read_rows
from dnasweep.errors import InputError
from dnasweep.stages.specs import ClassifierSpec, EncoderSpec
from dnasweep.storage import Storage
from dnasweep.sweeps.cost import estimate
from dnasweep.sweeps.data_options import DataOptions
from dnasweep.sweeps.execution_options import ExecutionOptions
from dnasweep.sweeps.request import Sweep
from dnasweep.sweeps.suite_options import SuiteOptions
from dnasweep.sweeps.time_budget import LEAST_ROWS, PASS, Draw, Load, largest_draw

MeasureSpeed = Callable[[EncoderSpec | ClassifierSpec, int], float | None]
"""Returns the bases per second of one device on sequences of a length; None if it cannot be measured."""
DRAWS, ROWS = "suite_draws", "suite_rows"
"""Kinds of the artefacts that store the chosen draw and the numbers of rows of the tasks."""
_DRAW, _ROWS = "draw.json", "rows.json"


class Probe(NamedTuple):
    """A task, planned on a few rows."""

    task: str
    """Name of the task."""
    sweep: Sweep
    """Sweep of the task on `LEAST_ROWS` training rows."""


def choose_draw(
    options: SuiteOptions,
    probes: Sequence[Probe],
    storage: Storage,
    *,
    measure: MeasureSpeed | None = None,
    at_once: int = 1,
    began: float | None = None,
) -> Draw:
    """Return the number of training rows for the time budget, or an earlier choice for it.

    Parameters
    ----------
    options
        Options of the command, with a time budget.
    probes
        The tasks, planned on a few rows.
    storage
        Storage of the choice. A dry run stores it too, so that the real run makes the same choice.
    measure
        Measures the speed of models without earlier training runs.
    at_once
        Number of trials trained at the same time.
    began
        Start of the command, by `time.monotonic`; None: now.

    Raises
    ------
    InputError
        If the time is too short, or a training speed is unknown.
    """
    began = time.monotonic() if began is None else began
    assert options.time_budget is not None
    names = [probe.sweep.key for probe in probes]
    key = content_key("suite-draw", options.suite, _results_of(options), names)
    if (path := storage.file(DRAWS, key, _DRAW)) is not None:
        return Draw(**json.loads(path.read_text(encoding="utf-8")))
    loads = [_load(storage, probe, measure) for probe in probes]
    if not loads:
        return Draw(None, 0.0)
    spent = time.monotonic() - began
    draw = largest_draw(loads, options.time_budget, at_once=at_once, spent=spent)

    def build(aside: Path) -> None:
        (aside / _DRAW).write_text(json.dumps(draw._asdict()), encoding="utf-8")

    storage.obtain(DRAWS, key, build)
    return draw


def _results_of(options: SuiteOptions) -> Any:
    """Return the options that change results, except paths; sweep keys cover file contents."""
    left_out = {field.name for field in dataclasses.fields(ExecutionOptions)}
    left_out |= {"data", "genome", "name", "download", "tasks", "pretrain_data", "checkpoints"}
    return {
        field.name: getattr(options, field.name)
        for field in dataclasses.fields(options)
        if field.name not in left_out
    }


def _load(storage: Storage, probe: Probe, measure: MeasureSpeed | None) -> Load:
    """Return the cost of a task, extrapolated from its sweep on a few rows."""
    sweep = probe.sweep
    table = sweep.data.table
    rows = count_rows(sweep.options, sweep.data.key, storage)
    width = int(table["sequence"].str.len().median())
    at_length = None if measure is None else lambda spec: measure(spec, width)
    seconds, passes = 0.0, 0.0
    for specs in (sweep.plan.encoders, sweep.plan.classifiers):
        cost = estimate(storage, specs, at_length)
        if cost is None:
            raise InputError(
                f"the training speed of these models on this machine is unknown ({probe.task})",
                remedy=f"Train them once on a few rows, with --train-rows {LEAST_ROWS} and "
                f"--tasks {probe.task}, without --time-budget; then their speed is known.",
            )
        seconds += cost.seconds
        if specs and isinstance(specs[0], ClassifierSpec):
            bases = sum(spec.training.bases for spec in specs)
            passes = PASS * width * len(specs) * cost.seconds / bases
    return Load(
        task=probe.task,
        num_train=rows.get("train", 0),
        num_validation=rows.get("validation", 0),
        num_test=rows.get("test", 0),
        row_seconds=seconds / max(1, int((table["split"] == "train").sum())),
        pass_seconds=passes,
        evaluations=sweep.options.evaluations,
        num_trials=len(sweep.plan.classifiers) + len(sweep.plan.encoders),
    )


def count_rows(options: DataOptions, key: str, storage: Storage) -> dict[str, int]:
    """Return the number of rows in each split of a task before any draw; count only once.

    Parameters
    ----------
    options
        Options of the data of a task.
    key
        Key of the data set, whatever the draw.
    storage
        Storage of the counts.
    """

    def build(aside: Path) -> None:
        config = options.dataset
        table = read_rows(
            config.data,
            genome=config.genome,
            species=config.species,
            format=config.format,
            skip_bad_rows=config.skip_bad_rows,
            task=config.task,
            positive_label=config.positive_label,
            columns=config.columns,
        ).table
        counts = {str(name): int(n) for name, n in table["split"].value_counts().items()}
        (aside / _ROWS).write_text(json.dumps(counts), encoding="utf-8")

    text = (storage.obtain(ROWS, key, build) / _ROWS).read_text(encoding="utf-8")
    found: dict[str, int] = json.loads(text)
    return found
