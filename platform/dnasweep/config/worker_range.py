"""How many workers a trial has: a number, or a range."""

from __future__ import annotations

import re
from typing import NamedTuple

from dnasweep.config.keys import require


class WorkerRange(NamedTuple):
    """Fewest and most workers of a trial."""

    minimum: int
    """A trial goes on with this many workers where there is no room for more."""
    maximum: int
    """A trial has this many workers where there is room."""

    def __str__(self) -> str:
        return (
            str(self.maximum)
            if self.minimum == self.maximum
            else f"{self.minimum}..{self.maximum}"
        )


def read_worker_range(workers: int | str, *, name: str = "workers_per_trial") -> WorkerRange:
    """Read `4`, or `1..4`.

    Raises
    ------
    InputError
        For anything else, or fewer than one.
    """
    found = re.fullmatch(r"([0-9]{1,6})(?:\.\.([0-9]{1,6}))?", str(workers).strip())
    minimum, maximum = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    require(
        1 <= minimum <= maximum, name, workers, "Use a number such as 4, or a range such as 1..4."
    )
    return WorkerRange(minimum, maximum)
