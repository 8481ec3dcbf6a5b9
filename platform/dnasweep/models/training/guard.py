"""Early end of training: after divergence, or if all predictions collapse.

Both end a trial with a corresponding outcome and finite metrics, never with an exception.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from typing import Any

from dnasweep.tasks.task import Task

WINDOW = 20
"""Number of steps whose median training loss shows an explosion. A mean would be dominated by the
batch with an outlier among measured labels, whose loss may be thousands of times the usual one."""
EXPLOSION = 4.0
"""Ratio of the loss to that of guessing uniformly above which the loss has exploded."""
GRACE = 0.5
"""Fraction of the budget before which no trial is considered collapsed."""
COLLAPSED_EVALUATIONS = 2
"""Number of successive collapsed evaluations after this point that end a trial early."""


class Guard:
    """Watches one training run; its state can be saved and restored.

    Parameters
    ----------
    uniform_loss
        Loss of guessing uniformly: in nats, or 1 for numbers and signals.
    total_steps
        Total number of training steps.
    collapse
        Description of a collapse.
    """

    def __init__(
        self, *, uniform_loss: float, total_steps: int, collapse: str = Task.collapse
    ) -> None:
        self.collapse = collapse
        self.uniform_loss = uniform_loss
        self.total_steps = total_steps
        self._losses: deque[float] = deque(maxlen=WINDOW)
        self._collapsed = 0

    def diverged(self, loss: float, gradient_norm: float) -> str | None:
        """Record one step and return why training has diverged, or None."""
        if not math.isfinite(loss):
            return f"the training loss became {loss}"
        if not math.isfinite(gradient_norm):
            return f"the gradient norm became {gradient_norm}"
        self._losses.append(loss)
        usual = statistics.median(self._losses)
        if len(self._losses) == WINDOW and usual > EXPLOSION * self.uniform_loss:
            return f"the training loss rose to {usual:.3g}, guessing costs {self.uniform_loss:.3g}"
        return None

    def collapsed(self, collapsed_now: bool, steps_done: int) -> str | None:
        """Record one evaluation and return why the trial has finally collapsed, or None.

        Trials that learn late are given time: evaluations in the first half of the budget are
        ignored, and before the end two successive evaluations must agree.
        """
        if steps_done < GRACE * self.total_steps:
            return None
        self._collapsed = self._collapsed + 1 if collapsed_now else 0
        at_end = steps_done >= self.total_steps
        if self._collapsed >= COLLAPSED_EVALUATIONS or (at_end and collapsed_now):
            return self.collapse
        return None

    def state(self) -> dict[str, Any]:
        """Return the state needed to resume, as JSON types."""
        return {"losses": list(self._losses), "collapsed": self._collapsed}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore a state returned by :meth:`state`."""
        self._losses.extend(state["losses"])
        self._collapsed = int(state["collapsed"])
