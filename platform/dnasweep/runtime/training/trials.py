"""Trials under Ray Tune: the grid of record, or an Optuna search of the same cells.

A trial's identity is the content of what it trains, so a trial that was finished before (by this
sweep, by another, by a run that was killed) is found instead of trained, and one that was killed
goes on from its last state.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from ray import tune
from ray.exceptions import RayError
from ray.tune import Callback, FailureConfig, ResultGrid, RunConfig, TuneConfig, Tuner
from ray.tune.execution.class_cache import ENV_VARS_TO_PROPAGATE
from ray.tune.search import BasicVariantGenerator, ConcurrencyLimiter

from dnasweep.errors import full_disk
from dnasweep.runtime.cluster.job_spec import JobSpec
from dnasweep.runtime.training.failures import (
    RESTARTS,
    full_memory,
    is_out_of_memory,
    portable,
)
from dnasweep.runtime.training.in_order import InOrder
from dnasweep.stages.outcome import StageOutcome
from dnasweep.stages.recipe import Cell, Recipe
from dnasweep.storage import Storage
from dnasweep.sweeps.event_log import POINT, Evaluated
from dnasweep.tasks.metrics import direction

BEST = "best"
FINAL = "final"
"""Reported by a trial that is about to fail in a way that another attempt would not mend."""
CREDENTIALS = "AWS_"
"""Variables that Tune would hand to trials in a way that Ray writes into its logs. Processes have
their machine's own, as those of training and of batch jobs do."""


@dataclass(frozen=True, kw_only=True)
class TrialEvent:
    """What the driver is told of a trial."""

    cell: Cell
    """The combination."""
    point: Evaluated | None = None
    """One evaluation, while it runs."""
    finished: bool = False
    """Whether it has come to its end."""
    failed: bool = False
    """Whether it has failed; why is known when all have ended, see `failures`."""


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
    train
        Called in place of :func:`~dnasweep.runtime.training.workers.run_stage`, with its arguments.
    """
    if train is None:
        # Here and not above: the driver imports this module and does without torch.
        from dnasweep.runtime.training.workers import run_stage

        train = run_stage
    cell = cell_of(config)
    spec = recipe.expand(cell)
    sign = 1.0 if direction(metric) == "max" else -1.0
    best: list[float] = []

    def report(evaluation: dict[str, Any]) -> None:
        # Without validation there is nothing to choose by, and all trials are worth the same.
        best.append(max([sign * evaluation["metrics"].get(metric, 0.0), *best[-1:]]))
        point = Evaluated.of(spec, sign * best[-1], evaluation)
        tune.report({"trial_key": spec.key, BEST: point.best, POINT: point.text})

    try:
        outcome = train(spec, job, text=cell.label, on_evaluation=report)
    except RayError:
        # A process it needs was lost with its machine.
        raise
    except Exception as error:
        tune.report({"trial_key": spec.key, BEST: math.nan, FINAL: True})
        told = portable(error)
        if told is error:
            raise
        raise told from error
    if len(best) < len(outcome.history):
        # Published before, or begun by a driver that was killed: tell what the whole was worth.
        best.clear()
        for evaluation in outcome.history:
            report(evaluation)


class Limit(Callback):
    """Lets Tune begin as many trials at once as have room, while machines come and go."""

    def __init__(self, search: Any, room: Callable[[], int]) -> None:
        self._search, self._room = search, room

    def __getstate__(self) -> dict[str, Any]:
        return {"_search": None, "_room": int}  # See `Messenger`.

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        # No trial at all would mean no limit to the one, and an error to the other.
        self._search.max_concurrent = max(1, self._room())


class Messenger(Callback):
    """Passes what Tune hears on to the driver's own function."""

    def __init__(self, hear: Callable[[TrialEvent], None]) -> None:
        self._hear = hear

    def __getstate__(self) -> dict[str, Any]:
        # Tune pickles its callbacks for a restore that we never make: running the same command
        # again finds every trial by its content.
        return {"_hear": print}

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._hear(TrialEvent(cell=cell_of(trial.config)))

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        if result.get(FINAL):
            # Heard before it raises: Tune counts failures and does not ask what they are.
            trial.max_failures = 0
        if (point := Evaluated.told(result)) is not None:
            self._hear(TrialEvent(cell=cell_of(trial.config), point=point))

    def on_trial_complete(
        self, iteration: int, trials: list[Any], trial: Any, **info: Any
    ) -> None:
        self._hear(TrialEvent(cell=cell_of(trial.config), finished=True))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._hear(TrialEvent(cell=cell_of(trial.config), failed=True))


def run_trials(
    *,
    space: dict[str, Any],
    recipe: Recipe,
    job: JobSpec,
    metric: str,
    hear: Callable[[TrialEvent], None],
    room: Callable[[], int],
    name: str,
    num_samples: int = 1,
    searcher: Any = None,
    scheduler: Any = None,
) -> ResultGrid:
    """Run a space of cells and return when all have ended.

    Parameters
    ----------
    space
        From `grid_space`; empty for a search, whose searcher knows the cells.
    hear
        Told of every start, evaluation and end, in the driver's thread.
    room
        Says how many trials may run at once; asked all the time.
    """
    ENV_VARS_TO_PROPAGATE.difference_update(
        {name for name in ENV_VARS_TO_PROPAGATE if name.startswith(CREDENTIALS)}
    )
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
            # Importing torch and transformers once an actor, not once a trial. The workers of a
            # group that is stopped early end with their actor only.
            reuse_actors=not allotment.grouped or scheduler is None,
        ),
        run_config=RunConfig(
            name=name,
            # Of this machine alone, whatever the storage: pickles, which are never read again.
            storage_path=str(notes),
            verbose=0,
            failure_config=FailureConfig(max_failures=RESTARTS),
            callbacks=[Messenger(hear), Limit(search, room)],
        ),
    )
    return _fit(tuner, notes)


def _fit(tuner: Tuner, notes: Path) -> ResultGrid:
    try:
        return tuner.fit()
    except (EOFError, UnpicklingError) as error:
        # What a trial failed of was cut short in the writing.
        raise full_disk(notes) from error
    except RuntimeError as error:
        # Tune takes a trial whose process Ray ends to save the machine for a defect of its own.
        if not is_out_of_memory(error):
            raise
        raise full_memory(error) from error


def failures(results: ResultGrid) -> dict[Cell, BaseException]:
    """Return what failed trials raised, rather than Ray's account of it."""
    found = {}
    for result in (results[i] for i in range(len(results))):
        if result.error is not None and result.config is not None:
            cause = getattr(result.error, "cause", None) or result.error
            # Of what Tune itself gives up, it keeps the words alone.
            told = cause if isinstance(cause, BaseException) else RuntimeError(str(cause).strip())
            found[cell_of(result.config)] = told
    return found


def cell_of(config: dict[str, Any]) -> Cell:
    """Return the cell of a trial's configuration, from a grid or from a search."""
    cell = config.get("cell", config)
    return Cell(**(json.loads(cell) if isinstance(cell, str) else cell))


def grid_space(cells: Sequence[Cell]) -> dict[str, Any]:
    """Return a Tune space that visits exactly these cells, in job.

    One axis whose values are whole cells, so that a grid with holes (some cells are published
    already) stays a grid. As text: Tune copies the whole axis for every trial, and dictionaries
    down to their leaves.
    """
    return {"cell": tune.grid_search([json.dumps(dataclasses.asdict(cell)) for cell in cells])}


def _folder_name(trial: Any) -> str:
    """Return where Tune keeps its own notes of a trial; named by its cell it could be too long."""
    return str(trial.trial_id)
