"""Trials under Ray Tune: the grid, or an Optuna search of the same cells.

A trial is identified by the content of its specification. A trial that was finished before, by
this sweep or another, is therefore found instead of trained, and one that was killed resumes from
its last state.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from ray import tune
from ray.tune import Callback, FailureConfig, ResultGrid, RunConfig, TuneConfig, Tuner
from ray.tune.search import BasicVariantGenerator, ConcurrencyLimiter

from dnasweep.errors import full_disk
from dnasweep.runtime.cluster.allotment import JobSpec
from dnasweep.runtime.ray_private import withhold_from_trials
from dnasweep.runtime.training.failures import (
    RESTARTS,
    full_memory,
    is_lost,
    is_out_of_memory,
    portable,
)
from dnasweep.runtime.training.schedulers import InOrder
from dnasweep.stages.outcome import StageOutcome
from dnasweep.stages.recipe import Cell, Recipe
from dnasweep.storage import Storage
from dnasweep.sweeps.event_log import BEST, POINT, Evaluated
from dnasweep.sweeps.executor import TrialEvent, train_reporting
from dnasweep.tasks.metrics import direction

FINAL = "final"
"""Reported by a trial that is about to fail with an error that would occur again."""
CREDENTIALS = "AWS_"
"""Prefix of environment variables that Tune would pass to trials and Ray would write to logs.
Trials use the credentials of their machine instead, as training workers and batch jobs do."""


def run_trial(
    config: dict[str, Any],
    *,
    recipe: Recipe,
    job: JobSpec,
    metric: str,
    train: Callable[..., StageOutcome] | None = None,
) -> None:
    """Train one cell inside Tune and report each evaluation.

    Parameters
    ----------
    config
        The trial's configuration, which names the cell.
    recipe
        Turns the cell into a specification.
    job
        Placement and resources of the training.
    metric
        Full name of the metric that trials are compared by.
    train
        Called instead of :func:`~dnasweep.runtime.training.workers.run_stage`, with its arguments.
    """
    if train is None:
        # Imported here because the driver imports this module but does not need torch.
        from dnasweep.runtime.training.workers import run_stage

        train = run_stage
    cell = cell_of(config)
    spec = recipe.expand(cell)

    def report(point: Evaluated) -> None:
        tune.report({"trial_key": spec.key, BEST: point.best, POINT: point.text})

    try:
        outcome = train_reporting(
            spec,
            partial(train, spec, job, text=cell.label),
            metric=metric,
            report=report,
        )
    except Exception as error:
        if is_lost(error):
            # A process that this trial needs was lost with its machine, so the trial is started
            # again.
            raise
        tune.report({"trial_key": spec.key, BEST: math.nan, FINAL: True})
        told = portable(error)
        if told is error:
            raise
        raise told from error
    if not outcome.healthy:
        # Whatever it had reached before it diverged or collapsed, its weights are of no use.
        tune.report({"trial_key": spec.key, BEST: math.nan})


class Limit(Callback):
    """Lets Tune run as many trials as there is room for, while machines join and leave."""

    def __init__(self, search: Any, room: Callable[[], int]) -> None:
        self._search, self._room = search, room

    def __getstate__(self) -> dict[str, Any]:
        return {"_search": None, "_room": int}  # See `Messenger`.

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        # Tune's grid interprets 0 as no limit, and its search refuses 0.
        self._search.max_concurrent = max(1, self._room())


class Messenger(Callback):
    """Passes the events of Tune on to a function of the driver."""

    def __init__(self, on_event: Callable[[TrialEvent], None]) -> None:
        self._on_event = on_event

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles callbacks in order to restore them, which never happens here: the same
        # command finds every trial by its content.
        return {"_on_event": print}

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._on_event(TrialEvent(cell=cell_of(trial.config)))

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        if result.get(FINAL):
            # This arrives before the trial raises the error, because Tune counts all kinds of
            # failures.
            trial.max_failures = 0
        if (point := Evaluated.of_result(result)) is not None:
            self._on_event(TrialEvent(cell=cell_of(trial.config), point=point))

    def on_trial_complete(
        self, iteration: int, trials: list[Any], trial: Any, **info: Any
    ) -> None:
        self._on_event(TrialEvent(cell=cell_of(trial.config), finished=True))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._on_event(TrialEvent(cell=cell_of(trial.config), failed=True))


def run_trials(
    *,
    space: dict[str, Any],
    recipe: Recipe,
    job: JobSpec,
    metric: str,
    on_event: Callable[[TrialEvent], None],
    room: Callable[[], int],
    name: str,
    num_samples: int = 1,
    searcher: Any = None,
    scheduler: Any = None,
) -> ResultGrid:
    """Run the trials of a sweep and return when all have ended.

    Parameters
    ----------
    space
        From `grid_space`; empty for a search, whose searcher knows the cells.
    recipe, job, metric
        As for :func:`run_trial`.
    on_event
        Called with every start, evaluation and end, in the driver's thread.
    room
        Returns how many trials may run at the same time; called repeatedly.
    name
        Name of Tune's own folder.
    num_samples
        Number of trials of the search.
    searcher, scheduler
        Searcher and scheduler of Tune; None: the grid in order.
    """
    withhold_from_trials(CREDENTIALS)
    allotment, notes = job.allotment, Storage(job.storage).folder("work", "tune")
    search: Any = BasicVariantGenerator(max_concurrent=allotment.concurrent)
    if searcher is not None:
        search = ConcurrencyLimiter(searcher, max_concurrent=allotment.concurrent)
    if not allotment.grouped:
        resources = {"CPU": float(allotment.cpus_per_worker)}
        if allotment.gpus_per_worker:
            resources["GPU"] = allotment.gpus_per_worker
    else:
        resources = dict(allotment.driver)
    bound = tune.with_parameters(run_trial, recipe=recipe, job=job, metric=metric)
    tuner = Tuner(
        tune.with_resources(bound, resources),
        param_space=space,
        tune_config=TuneConfig(
            metric=BEST,
            mode=direction(metric),
            search_alg=search,
            scheduler=scheduler or InOrder(),
            num_samples=num_samples,
            trial_dirname_creator=_folder_name,
            # With this, torch and transformers are imported once per actor instead of once per
            # trial. The workers of a group that is stopped early end only with their actor.
            reuse_actors=not allotment.grouped or scheduler is None,
        ),
        run_config=RunConfig(
            name=name,
            # These files are pickles that are never read again, so they are always on this
            # machine.
            storage_path=str(notes),
            verbose=0,
            failure_config=FailureConfig(max_failures=RESTARTS),
            callbacks=[Messenger(on_event), Limit(search, room)],
        ),
    )
    return _fit(tuner, notes)


def _fit(tuner: Tuner, notes: Path) -> ResultGrid:
    try:
        return tuner.fit()
    except (EOFError, UnpicklingError) as error:
        # Tune could not write the complete error of a trial.
        raise full_disk(notes) from error
    except RuntimeError as error:
        # When Ray ends a trial's process to free memory, Tune reports an internal error.
        if not is_out_of_memory(error):
            raise
        raise full_memory(error) from error


def failures(results: ResultGrid) -> dict[Cell, BaseException]:
    """Return the errors of failed trials themselves, instead of Ray's wrappers."""
    found = {}
    for result in (results[i] for i in range(len(results))):
        if result.error is not None and result.config is not None:
            cause = getattr(result.error, "cause", None) or result.error
            # If Tune itself gives up a trial, it keeps only text.
            told = cause if isinstance(cause, BaseException) else RuntimeError(str(cause).strip())
            found[cell_of(result.config)] = told
    return found


def cell_of(config: dict[str, Any]) -> Cell:
    """Return the cell of a trial's configuration, from a grid or from a search."""
    cell = config.get("cell", config)
    return Cell(**(json.loads(cell) if isinstance(cell, str) else cell))


def grid_space(cells: Sequence[Cell]) -> dict[str, Any]:
    """Return a Tune space that visits exactly these cells, in order.

    The space has one axis whose values are cells, so a grid without its published cells is still a
    grid. Cells are written as text because Tune copies the whole axis for every trial, and copies
    dictionaries deeply.
    """
    return {"cell": tune.grid_search([json.dumps(dataclasses.asdict(cell)) for cell in cells])}


def _folder_name(trial: Any) -> str:
    """Return the name of Tune's folder of a trial; a name made from the cell could be too long."""
    return str(trial.trial_id)
