"""Optuna search over the cells of the grid, with a study that is kept after the sweep."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState
from ray.tune.search import Searcher

from dnasweep.stages.recipe import Cell
from dnasweep.sweeps.event_log import BEST, Evaluated

MAX_PROPOSALS = 5
"""Number of proposals of the sampler before an untried cell is drawn at random."""
_TRIED = (TrialState.COMPLETE, TrialState.PRUNED)


class Study:
    """A persistent Optuna study; `optuna-dashboard` opens its file, see :mod:`.journal`.

    Its trials are cells of the grid, each tried once: a proposal of the sampler is used only if
    its cell has not been tried.

    Parameters
    ----------
    storage
        Storage of the Optuna study.
    name
        Key of the sweep, with which the same command finds the same study.
    cells
        The cells of the grid.
    mode
        `max` or `min`.
    seed
        Seed of the sampler.
    """

    def __init__(
        self,
        storage: optuna.storages.BaseStorage,
        name: str,
        cells: Sequence[Cell],
        *,
        mode: str,
        seed: int = 0,
    ) -> None:
        self.name, self._cells, self._seed = name, dict.fromkeys(cells), seed
        values = {
            field.name: list(dict.fromkeys(getattr(cell, field.name) for cell in cells))
            for field in dataclasses.fields(Cell)
        }
        self._fixed = {name: found[0] for name, found in values.items() if len(found) == 1}
        self._axes: dict[str, Any] = {
            name: optuna.distributions.CategoricalDistribution(found)
            for name, found in values.items()
            if len(found) > 1
        }
        self.study = optuna.create_study(
            study_name=name,
            storage=storage,
            sampler=optuna.samplers.TPESampler(seed=seed),
            direction="maximize" if mode == "max" else "minimize",
            load_if_exists=True,
        )
        self._taken = set(self.tried())

    def remaining(self, num_samples: int) -> int:
        """Return how many of `num_samples` cells remain to be tried.

        Trials that were running when a driver was killed are queued again and go first.
        """
        for trial in self.study.get_trials(states=(TrialState.RUNNING,)):
            self.study.tell(trial.number, state=TrialState.FAIL)
            if self._cell(trial.params) not in self._taken:
                self.study.enqueue_trial(trial.params, skip_if_exists=False)
        return max(0, min(num_samples, len(self._cells)) - len(self.tried()))

    def tried(self) -> list[Cell]:
        """Return the cells whose trials finished or were stopped early, in order."""
        found = [self._cell(trial.params) for trial in self.study.get_trials(states=_TRIED)]
        return list(dict.fromkeys(cell for cell in found if cell in self._cells))

    def ask(self) -> tuple[optuna.Trial, Cell] | None:
        """Return an untried cell with its trial; None if all cells have been tried."""
        for _ in range(MAX_PROPOSALS):
            trial = self.study.ask(self._axes)
            if (cell := self._cell(trial.params)) in self._cells and cell not in self._taken:
                self._taken.add(cell)
                return trial, cell
            # Failed trials are not part of the sampler's model, so this does not influence it.
            self.study.tell(trial, state=TrialState.FAIL)
        free = [cell for cell in self._cells if cell not in self._taken]
        if not free:
            return None
        cell = free[int(np.random.default_rng([self._seed, len(free)]).integers(len(free)))]
        self.study.enqueue_trial({name: getattr(cell, name) for name in self._axes})
        self._taken.add(cell)
        return self.study.ask(self._axes), cell

    def contradicts(self, values: Mapping[Cell, float]) -> bool:
        """Return whether a trial has a value that differs from the known value of its cell."""
        for trial in self.study.get_trials(states=(TrialState.COMPLETE,)):
            cell = self._cell(trial.params)
            if cell in values and values[cell] != trial.value:
                return True
        return False

    def recall(self, values: Mapping[Cell, float]) -> None:
        """Add the known values of cells, as if they had been reported when the cells were tried."""
        for cell, value in values.items():
            if cell in self._cells and cell not in self._taken:
                params = {name: getattr(cell, name) for name in self._axes}
                self.study.add_trial(
                    optuna.trial.create_trial(params=params, distributions=self._axes, value=value)
                )
                self._taken.add(cell)

    def searcher(self, stopped: Container[str]) -> CellSearch:
        """Return the searcher for Tune; `stopped` contains the keys of trials that end early."""
        return CellSearch(self, stopped)

    def importance(self) -> dict[str, float] | None:
        """Return the importance of each axis, or None if there are too few finished trials."""
        whole = self.study.get_trials(states=(TrialState.COMPLETE,))
        if len(whole) < 4 or len(self._axes) < 2:
            return None
        try:
            return dict(optuna.importance.get_param_importances(self.study))
        except (RuntimeError, ValueError):
            return None

    def _cell(self, params: dict[str, Any]) -> Cell:
        return Cell(**self._fixed, **params)


class CellSearch(Searcher):
    """A study as a searcher of Tune.

    Ray's own searcher for Optuna tries cells twice and reports a trial that was stopped early as if it
    had finished. Here such a trial, or one that diverged or collapsed, is pruned, and the sampler ranks
    it below finished ones.
    """

    def __init__(self, study: Study, stopped: Container[str]) -> None:
        super().__init__()
        self._study, self._stopped = study, stopped
        self._trials: dict[str, optuna.Trial] = {}
        self._values: dict[str, dict[int, float]] = {}

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        return True

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:  # type: ignore[override]
        asked = self._study.ask()
        if asked is None:
            return Searcher.FINISHED
        self._trials[trial_id], cell = asked
        return {"cell": dataclasses.asdict(cell)}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        point = Evaluated.of_result(result)
        if point is not None and trial_id in self._trials:
            known = self._values.setdefault(trial_id, {})
            if point.number not in known:
                self._trials[trial_id].report(point.best, point.number)
            known[point.number] = point.best

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        if trial_id not in self._trials:
            return
        if result:
            # Tune reports the last evaluation of a stopped trial only here.
            self.on_trial_result(trial_id, result)
        trial, values = self._trials.pop(trial_id), self._values.pop(trial_id, {})
        if error or not values:
            self._study.study.tell(trial, state=TrialState.FAIL)
        elif result and (
            result.get("trial_key") in self._stopped or math.isnan(result.get(BEST, 0.0))
        ):
            self._study.study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.study.tell(trial, values[max(values)])

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: the same command finds the study in its file."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing; see `save`."""
