"""Find the largest draw of training rows, the same for all models and tasks, within a time limit.

Training time grows with the number of rows. The time for tokenizing, evaluation on test and
starting does not, so a fraction of the time limit is reserved for these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from dnasweep.data.fewer_rows import VALIDATION_PART
from dnasweep.errors import InputError
from dnasweep.progress import duration

LEAST_ROWS = 100
"""Minimum number of training rows for a meaningful result on a task."""
KEPT = 0.25
"""Fraction of the time reserved for everything except training."""
START_SECONDS = 25.0
"""Seconds per task for reading, auditing, tokenizing and the report."""
TRIAL_SECONDS = 8.0
"""Seconds per trial for starting its training and its evaluation."""
PASS = 1 / 3
"""Cost of evaluating a row relative to a training step on it: a forward pass without a backward
pass."""


class Load(NamedTuple):
    """Cost of one task."""

    task: str
    """Name of the task."""
    num_train: int
    """Number of training rows."""
    num_validation: int
    """Number of validation rows."""
    num_test: int
    """Number of test rows."""
    row_seconds: float
    """Seconds of one device for one training row, over all trials and epochs."""
    pass_seconds: float
    """Seconds of one device to evaluate one row once, in all trials."""
    evaluations: int
    """Number of evaluations of the validation rows."""
    num_trials: int = 1
    """Number of trials."""

    def seconds(self, num_rows: int) -> float:
        """Return the seconds of one device for a number of training rows."""
        train = min(num_rows, self.num_train)
        validation = min(max(1, num_rows // VALIDATION_PART), self.num_validation)
        passes = self.evaluations * validation + self.num_test
        return train * self.row_seconds + passes * self.pass_seconds

    def elapsed(self, num_rows: int, at_once: int) -> float:
        """Return the seconds from its first trial to its last.

        Parameters
        ----------
        num_rows
            Number of training rows.
        at_once
            Number of trials for which there is room at the same time.
        """
        seconds = TRIAL_SECONDS * self.num_trials + self.seconds(num_rows) / (1 - KEPT)
        return seconds / min(at_once, max(1, self.num_trials))


class Draw(NamedTuple):
    """Number of training rows to use."""

    num_rows: int | None
    """Maximum number of rows of each task; None: all."""
    seconds: float
    """Expected seconds for all work."""

    @property
    def text(self) -> str:
        """The draw in words; empty if all rows are used."""
        if self.num_rows is None:
            return ""
        return f"at most {self.num_rows:,} training rows of each task, drawn by class"


def largest_draw(
    loads: Sequence[Load], minutes: float, *, at_once: int = 1, spent: float = 0.0
) -> Draw:
    """Return the largest draw of training rows that fits a time limit.

    Parameters
    ----------
    loads
        Cost of each task.
    minutes
        The time, in minutes.
    at_once
        Number of trials for which there is room at the same time.
    spent
        Seconds of this time that have already passed.

    Returns
    -------
    draw
        A number of rows with two significant digits, or all rows.

    Raises
    ------
    InputError
        If not even `LEAST_ROWS` rows of each task fit.
    """

    def expected(num_rows: int) -> float:
        # Tasks are run one after the other.
        return spent + sum(START_SECONDS + load.elapsed(num_rows, at_once) for load in loads)

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
    """Return a number rounded down to two significant digits."""
    step = 10 ** max(0, len(str(number)) - 2)
    return number // step * step
