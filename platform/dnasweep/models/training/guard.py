"""When to give up a training: it has diverged, or it calls every row the same class.

Both end a trial with an outcome that says so, never with an exception, and with finite metrics.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Any

from dnasweep.tasks.task import Task

WINDOW = 20
"""Steps over which the training loss is averaged before it counts as exploded."""
EXPLOSION = 4.0
"""A loss of so many times that of guessing uniformly has exploded."""
GRACE = 0.5
"""Fraction of the budget before which no trial counts as collapsed."""
COLLAPSED_EVALUATIONS = 2
"""Evaluations in a row, after that, that must look collapsed to end a trial early."""


class Guard:
    """Watches one training; its state can be saved and restored.

    Parameters
    ----------
    uniform_loss
        Loss of guessing uniformly, in nats.
    total_steps
        Steps of the whole training.
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
        """Take in one step and return why the training has diverged, or None."""
        if not math.isfinite(loss):
            return f"the training loss became {loss}"
        if not math.isfinite(gradient_norm):
            return f"the gradient norm became {gradient_norm}"
        self._losses.append(loss)
        mean = sum(self._losses) / len(self._losses)
        if len(self._losses) == WINDOW and mean > EXPLOSION * self.uniform_loss:
            return (
                f"the training loss rose to {mean:.3g} nats, "
                f"guessing costs {self.uniform_loss:.3g}"
            )
        return None

    def collapsed(self, collapsed_now: bool, steps_done: int) -> str | None:
        """Take in one evaluation and return why the trial has collapsed for good, or None.

        Trials that learn late are given time: nothing counts before half the budget, and before the
        end two evaluations in a row have to agree.
        """
        if steps_done < GRACE * self.total_steps:
            return None
        self._collapsed = self._collapsed + 1 if collapsed_now else 0
        at_end = steps_done >= self.total_steps
        if self._collapsed >= COLLAPSED_EVALUATIONS or (at_end and collapsed_now):
            return self.collapse
        return None

    def state(self) -> dict[str, Any]:
        """Return what has to be saved to resume, as JSON types."""
        return {"losses": list(self._losses), "collapsed": self._collapsed}

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state` returned."""
        self._losses.extend(state["losses"])
        self._collapsed = int(state["collapsed"])
