"""Optuna over the same space as the grid, with a study that outlives the sweep."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from dnasweep.cluster.trials import BASES_SEEN
from dnasweep.stages.recipe import Cell

REDUCTION_FACTOR = 3


class Study:
    """A persistent Optuna study in the storage root; `optuna-dashboard` opens its file.

    Parameters
    ----------
    file
        SQLite file of all studies of a storage root.
    name
        The sweep's key: the same command finds the same study.
    axes
        Axis name to its values.
    mode
        `max` or `min`.
    seed
        Seeds the sampler.
    """

    def __init__(
        self, file: Path, name: str, axes: dict[str, Sequence[Any]], *, mode: str, seed: int = 0
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        logging.getLogger("ray.tune.search.optuna").setLevel(logging.ERROR)
        self.axes, self.name, self.mode = axes, name, mode
        self.url = f"sqlite:///{file}"
        self._storage = optuna.storages.RDBStorage(self.url)
        self._sampler = optuna.samplers.TPESampler(seed=seed)
        self.study = optuna.create_study(
            study_name=name,
            storage=self._storage,
            direction="maximize" if mode == "max" else "minimize",
            load_if_exists=True,
        )

    def remaining(self, num_samples: int) -> int:
        """Return how many of `num_samples` are still to be tried.

        Trials that a killed driver left running count as never tried.
        """
        for trial in self.study.get_trials(states=(TrialState.RUNNING,)):
            self.study.tell(trial.number, state=TrialState.FAIL)
        return max(0, num_samples - len(self.completed()))

    def completed(self) -> list[Cell]:
        """Return the cells that have been tried, in order."""
        done = self.study.get_trials(states=(TrialState.COMPLETE,))
        return [Cell(**self._fixed(), **trial.params) for trial in done]

    def _fixed(self) -> dict[str, Any]:
        return {name: values[0] for name, values in self.axes.items() if len(values) == 1}

    def space(self) -> dict[str, Any]:
        """Return the axes as Tune domains; an axis of one value is not searched."""
        return {
            name: values[0] if len(values) == 1 else tune.choice(list(values))
            for name, values in self.axes.items()
        }

    def searcher(self) -> OptunaSearch:
        """Return the searcher for Tune."""
        return OptunaSearch(study_name=self.name, storage=self._storage, sampler=self._sampler)

    def importance(self) -> dict[str, float] | None:
        """Return the importance of each axis, or None while there are too few trials."""
        searched = [name for name, values in self.axes.items() if len(values) > 1]
        if len(self.completed()) < 4 or len(searched) < 2:
            return None
        try:
            return dict(optuna.importance.get_param_importances(self.study))
        except (RuntimeError, ValueError):
            return None


def asha(bases: int, evaluations: int) -> ASHAScheduler:
    """Return successive halving on bases seen, which mean the same for every tokenizer.

    Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning.
    """
    return ASHAScheduler(
        time_attr=BASES_SEEN,
        max_t=bases,
        grace_period=max(1, bases // max(1, evaluations)),
        reduction_factor=REDUCTION_FACTOR,
    )
