"""Schedulers of Tune: trials in order, and asynchronous successive halving (ASHA).

Halving: Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning, in the variant that
stops trials rather than pausing them. Rungs are at 1, 3, 9, ... times the first evaluation after the
warm-up of every trial; during warm-up a trial shows how far its schedule has come, not how good its
settings are. Evaluations are the same number of bases apart and so mean the same for every tokenizer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from dnasweep.sweeps.event_log import Evaluated

REDUCTION_FACTOR = 3


class InOrder(FIFOScheduler):
    """Ray's first-in-first-out, without looking at trials that have ended.

    At every event Ray's own looks twice at every trial that was ever made; with thousands of trials
    that takes longer than everything else Tune does.
    """

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        pending = [t for t in tune_controller.get_live_trials() if t.status == Trial.PENDING]
        # The trial ids of a grid are numbered; those of a search have no order.
        return min(pending, key=lambda trial: str(trial.trial_id), default=None)


def first_rung(evaluations: int, warmup: float) -> int:
    """Return the first evaluation of a trial after `warmup`, a fraction of its steps."""
    return math.floor(warmup * evaluations + 1e-9) + 1


class Rungs:
    """The values that trials reached at each rung, and which trials were stopped.

    The same evaluations in the same order give the same decisions, so a killed sweep that replays the
    evaluations it has recorded is where it was.

    Parameters
    ----------
    evaluations
        Evaluations of a whole trial. There is no rung at the last one: a trial that came so far is
        finished.
    warmup
        Longest warm-up of any trial, as a fraction of its steps.
    mode
        `max` or `min`.
    """

    def __init__(self, evaluations: int, *, warmup: float = 0.0, mode: str = "max") -> None:
        self._sign = 1.0 if mode == "max" else -1.0
        self._rungs: dict[int, dict[str, float]] = {}
        number = first_rung(evaluations, warmup)
        while number < evaluations:
            self._rungs[number] = {}
            number *= REDUCTION_FACTOR
        self._seen: dict[str, dict[int, float]] = {}
        self.stopped: set[str] = set()
        """Keys of the trials that were stopped."""

    def tell(self, point: Evaluated) -> bool:
        """Add an evaluation and return whether its trial has to stop.

        A trial stops if it is worse than the best third of the trials that reached its rung before.
        """
        seen = self._seen.setdefault(point.key, {})
        seen.setdefault(point.number, self._sign * point.best)
        reached = [number for number in self._rungs if point.number >= number]
        if not reached or point.key in self.stopped:
            return point.key in self.stopped
        rung = self._rungs[max(reached)]
        if point.key in rung:
            return False
        # A trial that continues after a kill has forgotten its earlier best value, and a published one
        # repeats its evaluations; a rung takes into account none that come after it.
        value = max(best for number, best in seen.items() if number <= point.number)
        percentile = 100 * (1 - 1 / REDUCTION_FACTOR)
        worse = bool(rung) and value < float(np.percentile(list(rung.values()), percentile))
        rung[point.key] = value
        if worse:
            self.stopped.add(point.key)
        return worse

    def recall(self, points: Iterable[Evaluated]) -> None:
        """Add the evaluations of an earlier run, in their order."""
        for point in points:
            self.tell(point)


class Halving(InOrder):
    """:class:`Rungs` as a scheduler of Tune.

    Ray's own keeps its rungs in memory only, so a sweep that is run again after a kill would start
    them anew. It also stops trials at their very end, before they are published.
    """

    def __init__(self, rungs: Rungs) -> None:
        super().__init__()
        self._rungs = rungs

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        return True

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        point = Evaluated.told(result)
        stop = point is not None and self._rungs.tell(point)
        return TrialScheduler.STOP if stop else TrialScheduler.CONTINUE
