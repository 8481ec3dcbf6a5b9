"""The state of a sweep that outlives its driver: evaluations, stopped trials and the search."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from dnasweep.stages.outcome import find_outcome
from dnasweep.stages.recipe import Cell
from dnasweep.storage import StorageLock
from dnasweep.sweeps.event_log import FILE, Evaluated, EventLog
from dnasweep.sweeps.request import Sweep
from dnasweep.sweeps.rungs import Rungs
from dnasweep.sweeps.state_sync import StateSync
from dnasweep.tasks.metrics import direction, full_name

STUDIES = "optuna.journal"
"""File of Optuna's studies."""

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

    from dnasweep.runtime.training.search import Study


class SweepState:
    """The event log of a sweep, the trials that were stopped, and what a search has tried.

    Parameters
    ----------
    sweep
        The sweep.
    """

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._mode = direction(full_name(sweep.options.metric))
        self._sync = StateSync(sweep.storage)
        folder = sweep.storage.folder("sweeps", sweep.key)
        # One file for all sweeps of a folder; a bucket has no file that several drivers can write.
        self._home = folder if sweep.storage.is_remote else sweep.storage.folder()
        self._paths = (folder / FILE, self._home / STUDIES)
        from_another = self._sync.download(folder / FILE)
        self.event_log = EventLog(folder / FILE)
        """All evaluations so far."""
        self.inherited: dict[str, list[Evaluated]] = defaultdict(list)
        """Evaluations, by trial key, that a driver on another machine may not have recorded in MLflow."""
        for point in self.event_log.points if from_another else ():
            self.inherited[point.key].append(point)
        self.rungs = self._replayed_rungs() if sweep.options.asha else None
        """The rungs at which trials are compared and stopped, if they are."""

    def _replayed_rungs(self) -> Rungs:
        sweep, metric = self._sweep, full_name(self._sweep.options.metric)
        evaluations = max(spec.training.evaluations for spec in sweep.plan.classifiers)
        warmup = max(spec.training.optimizer.warmup for spec in sweep.plan.classifiers)
        rungs = Rungs(evaluations, warmup=warmup, mode=self._mode)
        known = {point.key for point in self.event_log.points}
        for spec in sweep.plan.classifiers:
            outcome = None if spec.key in known else find_outcome(sweep.storage, spec)
            for evaluation in outcome.history if outcome else ():
                rungs.add(Evaluated.of(spec, evaluation["metrics"][metric], evaluation))
                # Trained by another sweep: others are compared with it, but it is finished.
                rungs.stopped.discard(spec.key)
        rungs.recall(self.event_log.points)
        return rungs

    @property
    def studies(self) -> Path:
        """File of the searches."""
        return self._home / STUDIES

    def study(self) -> Study:
        """Return the search of the sweep, with all that it has tried."""
        # Imported here: it brings Ray, and a grid in this process does without.
        from dnasweep.runtime.training.search import Study
        from dnasweep.runtime.training.study_repair import DATABASE, open_study

        sweep = self._sweep
        for file in (STUDIES, DATABASE):
            self._sync.download(self._home / file)
        name = f"{sweep.name}-{sweep.key}"

        def open_or_create(journal: BaseStorage) -> Study:
            return Study(journal, name, sweep.plan.cells, mode=self._mode)

        def lock() -> StorageLock:
            return sweep.storage.lock("sweeps", "studies")

        with sweep.storage.lock("sweeps", f"study-{sweep.key}"):
            return open_study(
                self._home / STUDIES,
                open_or_create,
                self._best_values(),
                sweep.storage.local,
                name=name,
                lock=lock,
            )

    def _best_values(self) -> dict[Cell, float]:
        """Return the best value of every finished trial, as a search was told it."""
        name, found = full_name(self._sweep.options.metric), {}
        best = max if self._mode == "max" else min
        for cell, spec in zip(self._sweep.plan.cells, self._sweep.plan.classifiers, strict=True):
            outcome = find_outcome(self._sweep.storage, spec)
            history = outcome.history if outcome and outcome.healthy else ()
            values = [e["metrics"].get(name) for e in history]
            if values and None not in values:
                found[cell] = float(best(values))
        return found

    def kept(self) -> contextlib.AbstractContextManager[None]:
        """Copy the state to the bucket during the block, for the next driver."""
        return self._sync.uploading(self._paths)
