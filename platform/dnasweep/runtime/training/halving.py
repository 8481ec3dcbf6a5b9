"""Asynchronous successive halving (ASHA): poor trials end early, for the grid as for a search.

Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning, in the variant that stops
trials rather than pausing them. Rungs stand at 1, 3, 9, ... times the first evaluation after every
trial's warm-up: before it, a trial shows how far its schedule has come and not how good its settings
are. Evaluations are equally far apart in bases seen and so mean the same for every tokenizer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from ray.tune.schedulers import TrialScheduler

from dnasweep.runtime.training.in_order import InOrder
from dnasweep.sweeps.event_log import Evaluated

REDUCTION_FACTOR = 3


def first_rung(evaluations: int, warmup: float) -> int:
    """Return the first evaluation of a trial that comes after `warmup`, a fraction of its steps."""
    return math.floor(warmup * evaluations + 1e-9) + 1


class Rungs:
    """What trials have shown at each rung, and who was stopped there.

    The same points in the same order give the same decisions, so a killed sweep that tells the
    points it has kept stands where it stood.

    Parameters
    ----------
    evaluations
        Evaluations of a whole trial. There is no rung at the last one: who has come so far is kept.
    warmup
        Longest warm-up of any trial, as a fraction of its steps.
    mode
        `max` or `min`.
    """

    def __init__(self, evaluations: int, *, warmup: float = 0.0, mode: str = "max") -> None:
        self._sign = 1.0 if mode == "max" else -1.0
        self._rungs: dict[int, dict[str, float]] = {}
        place = first_rung(evaluations, warmup)
        while place < evaluations:
            self._rungs[place] = {}
            place *= REDUCTION_FACTOR
        self._seen: dict[str, dict[int, float]] = {}
        self.stopped: set[str] = set()

    def tell(self, point: Evaluated) -> bool:
        """Take a point and return whether its trial is to be stopped there.

        A trial stops where it is worse than the best third of those that came to its rung before.
        """
        seen = self._seen.setdefault(point.key, {})
        seen.setdefault(point.number, self._sign * point.best)
        reached = [place for place in self._rungs if point.number >= place]
        if not reached or point.key in self.stopped:
            return point.key in self.stopped
        rung = self._rungs[max(reached)]
        if point.key in rung:
            return False
        # A trial that goes on after a kill has forgotten its best before; one that was published tells
        # its evaluations again, and a rung looks at none that come after it.
        value = max(best for number, best in seen.items() if number <= point.number)
        share = 100 * (1 - 1 / REDUCTION_FACTOR)
        worse = bool(rung) and value < float(np.percentile(list(rung.values()), share))
        rung[point.key] = value
        if worse:
            self.stopped.add(point.key)
        return worse

    def recall(self, points: Iterable[Evaluated]) -> None:
        """Take points of an earlier run, in their order."""
        for point in points:
            self.tell(point)


class Halving(InOrder):
    """Rungs as a scheduler of Tune.

    Ray's own keeps its rungs in memory alone, so that a sweep that is run again after a kill would
    begin them anew. It also stops trials at their very end, before they are published.
    """

    def __init__(self, rungs: Rungs) -> None:
        super().__init__()
        self._rungs = rungs

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        return True

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        point = Evaluated.told(result)
        worse = point is not None and self._rungs.tell(point)
        return TrialScheduler.STOP if worse else TrialScheduler.CONTINUE
