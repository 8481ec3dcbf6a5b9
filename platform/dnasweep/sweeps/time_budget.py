"""How many training rows fit into a time: the largest draw, the same for every model and task.

What a training takes grows with its rows; tokenizing, evaluation on test and starting do not, and a
part of the time is kept for them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from dnasweep.data.fewer_rows import VALIDATION_PART
from dnasweep.errors import InputError
from dnasweep.progress import duration

LEAST_ROWS = 100
"""Fewer training rows are no honest look at a task."""
KEPT = 0.25
"""Part of the time that is kept for all but training."""
START_SECONDS = 25.0
"""Of each task: reading, auditing, tokenizing and the report."""
TRIAL_SECONDS = 8.0
"""Of each trial: starting it, and starting to evaluate it."""
PASS = 1 / 3
"""Cost of an evaluation of a row, of a training step on it: a forward pass, and no backward pass."""


class Load(NamedTuple):
    """What one task costs."""

    task: str
    """Its name."""
    num_train: int
    """Its training rows."""
    num_validation: int
    """Its validation rows."""
    num_test: int
    """Its test rows."""
    row_seconds: float
    """Seconds of one device for one training row: all trials, all epochs."""
    pass_seconds: float
    """Seconds of one device to evaluate one row once, in all trials."""
    evaluations: int
    """Evaluations of the validation rows."""
    num_trials: int = 1
    """Trials."""

    def seconds(self, num_rows: int) -> float:
        """Return the seconds of one device that so many training rows take."""
        train = min(num_rows, self.num_train)
        validation = min(max(1, num_rows // VALIDATION_PART), self.num_validation)
        passes = self.evaluations * validation + self.num_test
        return train * self.row_seconds + passes * self.pass_seconds


class Draw(NamedTuple):
    """How many training rows are used."""

    num_rows: int | None
    """At most so many of each task; None: all."""
    seconds: float
    """Expected, of all work."""

    @property
    def text(self) -> str:
        """The draw in words; empty where all rows are used."""
        if self.num_rows is None:
            return ""
        return f"at most {self.num_rows:,} training rows of each task, drawn by class"


def largest_draw(
    loads: Sequence[Load], minutes: float, *, at_once: int = 1, spent: float = 0.0
) -> Draw:
    """Return the largest draw of training rows that fits into a time.

    Parameters
    ----------
    loads
        Cost of each task.
    minutes
        The time, in minutes.
    at_once
        Number of trials trained at the same time.
    spent
        Seconds of it that have passed.

    Returns
    -------
    draw
        A number of rows with two digits, or all rows.

    Raises
    ------
    InputError
        If not even `LEAST_ROWS` rows of each task fit.
    """

    def expected(num_rows: int) -> float:
        training = sum(load.seconds(num_rows) for load in loads) / at_once
        starting = TRIAL_SECONDS * sum(load.num_trials for load in loads) / at_once
        return spent + START_SECONDS * len(loads) + starting + training / (1 - KEPT)

    most = max((load.num_train for load in loads), default=0)
    limit = 60 * minutes
    if expected(most) <= limit:
        return Draw(None, expected(most))
    if expected(LEAST_ROWS) > limit:
        needed = math.ceil(expected(LEAST_ROWS) / 60)
        raise InputError(
            f"{minutes:g} minutes are too few: {len(loads)} tasks with {LEAST_ROWS} training rows each "
            f"take about {duration(expected(LEAST_ROWS))}",
            remedy=f"Give --time-budget {needed}, fewer --tasks, --seeds or --learning-rates, or "
            "smaller --presets.",
        )
    low, high = LEAST_ROWS, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if expected(middle) <= limit else (low, middle)
    rounded = max(LEAST_ROWS, _two_digits(low))
    return Draw(rounded, expected(rounded))


def _two_digits(number: int) -> int:
    """Return a number with all digits but the first two 0, rounded down."""
    step = 10 ** max(0, len(str(number)) - 2)
    return number // step * step
