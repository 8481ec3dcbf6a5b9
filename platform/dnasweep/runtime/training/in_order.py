"""Trials in the order they were made, however many have ended before."""

from __future__ import annotations

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler


class InOrder(FIFOScheduler):
    """Ray's own first-in-first-out, without looking at trials that have ended.

    At every event Ray's looks twice at every trial there has ever been, which of thousands takes
    longer than all else that Tune does.
    """

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        pending = [t for t in tune_controller.get_live_trials() if t.status == Trial.PENDING]
        # Identifiers of a grid are numbered; a search has no order.
        return min(pending, key=lambda trial: str(trial.trial_id), default=None)
