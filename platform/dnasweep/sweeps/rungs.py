"""Asynchronous successive halving (ASHA): which trials are worth continuing.

Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning, in the variant that stops
trials rather than pausing them. Rungs are at 1, 3, 9, ... times the first evaluation after the
warm-up of every trial; during warm-up, values depend on the progress of the schedule more than on
the settings. Evaluations are the same number of bases apart, so they are comparable between
tokenizers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from dnasweep.sweeps.event_log import Evaluated

REDUCTION_FACTOR = 3


def first_rung(evaluations: int, warmup: float) -> int:
    """Return the number of the first evaluation after `warmup`, a fraction of all steps."""
    return math.floor(warmup * evaluations + 1e-9) + 1


class Rungs:
    """The values that trials reached at each rung, and which trials were stopped.

    The same evaluations in the same order give the same decisions, so a killed sweep recovers its
    state by replaying the recorded evaluations.

    Parameters
    ----------
    evaluations
        Number of evaluations of a complete trial. There is no rung at the last one, because a
        trial that reaches it is finished.
    warmup
        Longest warm-up of any trial, as a fraction of the steps.
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

    def add(self, point: Evaluated) -> bool:
        """Add an evaluation and return whether its trial must stop.

        A trial stops if it is worse than the best third of the trials that have reached its rung
        before it.
        """
        seen = self._seen.setdefault(point.key, {})
        seen.setdefault(point.number, self._sign * point.best)
        reached = [number for number in self._rungs if point.number >= number]
        if not reached or point.key in self.stopped:
            return point.key in self.stopped
        rung = self._rungs[max(reached)]
        if point.key in rung:
            return False
        # A trial that resumes after a kill does not know its earlier best value, and a published
        # trial repeats its evaluations; a rung ignores evaluations that come after it.
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
            self.add(point)
