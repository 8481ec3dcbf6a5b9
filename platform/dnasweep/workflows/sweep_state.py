"""What the driver of a sweep knows from the drivers before it, on this machine or on another."""

from __future__ import annotations

import contextlib
from collections import defaultdict

from dnasweep.runtime.training.schedulers import Rungs
from dnasweep.runtime.training.search import Study, open_study
from dnasweep.stages.outcome import find_outcome
from dnasweep.stages.recipe import Cell
from dnasweep.sweeps.event_log import FILE, Evaluated, EventLog
from dnasweep.sweeps.request import Sweep
from dnasweep.sweeps.state_sync import StateSync
from dnasweep.tasks.metrics import direction, full_name

STUDIES = "optuna.db"


class SweepState:
    """The course of a sweep, who was stopped, and what a search has tried.

    Parameters
    ----------
    sweep
        The sweep.
    """

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._mode = direction(full_name(sweep.options.metric))
        self._handover = StateSync(sweep.storage)
        folder = sweep.storage.folder("sweeps", sweep.key)
        # One file for all sweeps of a folder; a bucket has no file that several drivers can write.
        self._studies = (folder if sweep.storage.is_remote else sweep.storage.folder()) / STUDIES
        self._paths = (folder / FILE, self._studies)
        elsewhere = self._handover.download(folder / FILE)
        self.course = EventLog(folder / FILE)
        """Every evaluation so far."""
        self.inherited: dict[str, list[Evaluated]] = defaultdict(list)
        """Evaluations, by trial key, that another machine heard of and may not have recorded."""
        for point in self.course.points if elsewhere else ():
            self.inherited[point.key].append(point)
        self.rungs = self._recall() if sweep.options.asha else None
        """Where trials are compared and stopped, if they are."""

    def _recall(self) -> Rungs:
        sweep, metric = self._sweep, full_name(self._sweep.options.metric)
        evaluations = max(spec.training.evaluations for spec in sweep.plan.classifiers)
        warmup = max(spec.training.optimizer.warmup for spec in sweep.plan.classifiers)
        rungs = Rungs(evaluations, warmup=warmup, mode=self._mode)
        known = {point.key for point in self.course.points}
        for spec in sweep.plan.classifiers:
            outcome = None if spec.key in known else find_outcome(sweep.storage, spec)
            for evaluation in outcome.history if outcome else ():
                rungs.tell(Evaluated.of(spec, evaluation["metrics"][metric], evaluation))
                # Trained by another sweep: others are measured by it, but it is whole.
                rungs.stopped.discard(spec.key)
        rungs.recall(self.course.points)
        return rungs

    def study(self) -> Study:
        """Return the search of the sweep, as far as it has come."""
        sweep = self._sweep
        self._handover.download(self._studies)
        name = f"{sweep.name}-{sweep.key}"

        def opened() -> Study:
            return Study(self._studies, name, sweep.plan.cells, mode=self._mode)

        return open_study(self._studies, opened, self._worth(), sweep.storage.local)

    def _worth(self) -> dict[Cell, float]:
        """Return the best value of every finished trial, which is what a search was told."""
        name, found = full_name(self._sweep.options.metric), {}
        best = max if self._mode == "max" else min
        for cell, spec in zip(self._sweep.plan.cells, self._sweep.plan.classifiers, strict=True):
            outcome = find_outcome(self._sweep.storage, spec)
            values = [e["metrics"].get(name) for e in outcome.history] if outcome else []
            if values and None not in values:
                found[cell] = float(best(values))
        return found

    def kept(self) -> contextlib.AbstractContextManager[None]:
        """Hand everything over to whichever driver comes next, during the block."""
        return self._handover.uploading(self._paths)
