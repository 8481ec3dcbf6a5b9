"""The state of a sweep that outlives its driver: evaluations, stopped trials and the search."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from typing import TYPE_CHECKING

from dnasweep.stages.outcome import find_outcome
from dnasweep.stages.recipe import Cell
from dnasweep.sweeps.event_log import FILE, Evaluated, EventLog
from dnasweep.sweeps.request import Sweep
from dnasweep.sweeps.rungs import Rungs
from dnasweep.sweeps.state_sync import StateSync
from dnasweep.tasks.metrics import direction, full_name

if TYPE_CHECKING:
    from dnasweep.runtime.training.search import Study

STUDIES = "optuna.db"


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
        self._studies = (folder if sweep.storage.is_remote else sweep.storage.folder()) / STUDIES
        self._paths = (folder / FILE, self._studies)
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

    def study(self) -> Study:
        """Return the search of the sweep, with all that it has tried."""
        # Imported here: it brings Ray, and a grid in this process does without.
        from dnasweep.runtime.training.search import Study, open_study

        sweep = self._sweep
        self._sync.download(self._studies)
        name = f"{sweep.name}-{sweep.key}"

        def open_or_create() -> Study:
            return Study(self._studies, name, sweep.plan.cells, mode=self._mode)

        return open_study(self._studies, open_or_create, self._best_values(), sweep.storage.local)

    def _best_values(self) -> dict[Cell, float]:
        """Return the best value of every finished trial, as a search was told it."""
        name, found = full_name(self._sweep.options.metric), {}
        best = max if self._mode == "max" else min
        for cell, spec in zip(self._sweep.plan.cells, self._sweep.plan.classifiers, strict=True):
            outcome = find_outcome(self._sweep.storage, spec)
            values = [e["metrics"].get(name) for e in outcome.history] if outcome else []
            if values and None not in values:
                found[cell] = float(best(values))
        return found

    def kept(self) -> contextlib.AbstractContextManager[None]:
        """Copy the state to the bucket during the block, for the next driver."""
        return self._sync.uploading(self._paths)
