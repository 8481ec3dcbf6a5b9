"""How many trials have room, as machines join and leave while they run."""

from __future__ import annotations

import time
from collections.abc import Callable

from dnasweep.runtime.cluster.allotment import Allotment
from dnasweep.runtime.cluster.session import Resources

LOOK_S = 5.0
"""How long an answer holds."""


class Capacity:
    """Counts the trials of an allotment that fit what the cluster has, and may get, by now.

    Parameters
    ----------
    allotment
        What a trial takes.
    look
        Returns what there is at this moment.
    num_trials
        Trials that are to run.
    clock
        Seconds; for tests.
    """

    def __init__(
        self,
        allotment: Allotment,
        look: Callable[[], Resources],
        *,
        num_trials: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allotment, self._look, self._clock = allotment, look, clock
        self._num_trials = num_trials
        self._answer, self._until = allotment.concurrent, clock() + LOOK_S

    def __call__(self) -> int:
        """Return how many trials have room; 0 while the last machine is away."""
        if self._clock() >= self._until:
            machines = self._num_trials * self._allotment.workers
            fitting = self._allotment.fitting(self._look().grown(at_most=machines))
            self._answer = min(fitting, self._num_trials)
            self._until = self._clock() + LOOK_S
        return self._answer
