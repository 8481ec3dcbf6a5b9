"""Schedulers of Tune: trials in order, and asynchronous successive halving (ASHA)."""

from __future__ import annotations

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from dnasweep.sweeps.event_log import Evaluated
from dnasweep.sweeps.rungs import Rungs


class InOrder(FIFOScheduler):
    """Ray's first-in-first-out scheduler, without checks of trials that have ended.

    At every event, Ray's own scheduler checks all trials twice, including ended ones; with
    thousands of trials this takes longer than everything else in Tune.
    """

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        pending = [t for t in tune_controller.get_live_trials() if t.status == Trial.PENDING]
        # Trial ids of a grid are numbered; those of a search have no order.
        return min(pending, key=lambda trial: str(trial.trial_id), default=None)


class Halving(InOrder):
    """:class:`~dnasweep.sweeps.rungs.Rungs` as a scheduler of Tune.

    Ray's own scheduler keeps its rungs only in memory, so a sweep that is run again after a kill
    would lose them. It also stops trials at their very end, before they are published.
    """

    def __init__(self, rungs: Rungs) -> None:
        super().__init__()
        self._rungs = rungs

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        return True

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        point = Evaluated.of_result(result)
        stop = point is not None and self._rungs.add(point)
        return TrialScheduler.STOP if stop else TrialScheduler.CONTINUE
