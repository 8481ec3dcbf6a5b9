"""How many workers a trial has: a number, or from so many to so many."""

from __future__ import annotations

import re
from typing import NamedTuple

from dnasweep.config.keys import require


class Span(NamedTuple):
    """Fewest and most workers of a trial."""

    least: int
    """It goes on with so many where there is no room for more."""
    most: int
    """It has so many where there is."""

    def __str__(self) -> str:
        return str(self.most) if self.least == self.most else f"{self.least}..{self.most}"


def read_span(workers: int | str, *, name: str = "workers_per_trial") -> Span:
    """Read `4`, or `1..4`.

    Raises
    ------
    InputError
        For anything else, or fewer than one.
    """
    found = re.fullmatch(r"([0-9]{1,6})(?:\.\.([0-9]{1,6}))?", str(workers).strip())
    least, most = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    require(1 <= least <= most, name, workers, "Use a number such as 4, or a range such as 1..4.")
    return Span(least, most)
