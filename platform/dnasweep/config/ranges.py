"""What an option takes, said once with its type and held wherever it is made.

A field of type ``Fraction`` is a float from 0 to 1. :class:`Checked` holds this for every number of a
dataclass, so that no option goes unchecked; a test walks all of them.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Annotated, Any, NamedTuple, get_args, get_type_hints

from dnasweep.config.keys import require
from dnasweep.errors import InputError
from dnasweep.plain import shown

_VAST = 100_000
"""An upper bound so far off that it is told only to those who have passed it."""


class Range(NamedTuple):
    """From where to where a number may be; always finite."""

    least: float
    """The least."""
    most: float
    """The most."""
    above: bool = False
    """Whether it has to be above `least`."""
    below: bool = False
    """Whether it has to be below `most`."""
    whole_above: float = math.inf
    """Above this it has to be whole."""

    def holds(self, value: float) -> bool:
        """Return whether a number may be; NaN and the infinite may not."""
        if not self.least <= value <= self.most:
            return False
        if (self.above and value == self.least) or (self.below and value == self.most):
            return False
        return value <= self.whole_above or value == int(value)

    def wanted(self, value: float) -> str:
        """Return what to use in place of a number that may not be."""
        if self.least <= value <= self.most and value > self.whole_above:
            return f"a whole number above {self.whole_above:,}"
        if self.most < _VAST:
            low = f"{'above ' if self.above else 'from '}{self.least:,}"
            high = f"to {'below ' if self.below else ''}{self.most:,}"
            both = self.above and self.below
            return f"a number {f'between {self.least:,} and {self.most:,}' if both else f'{low} {high}'}"
        if value > self.most:
            return f"at most {self.most:,}"
        return f"a number above {self.least:,}" if self.above else f"at least {self.least:,}"


MANY = 2**31 - 1
Count = Annotated[int, Range(1, MANY)]
"""How many of something there is at least one of."""
Whole = Annotated[int, Range(0, MANY)]
"""A number of something that may be none, or a place counted from 0."""
Few = Annotated[int, Range(1, 100_000)]
"""How many of something of which each one costs memory or processes."""
Batch = Annotated[int, Range(1, 2**20)]
"""Sequences at once."""
Seed = Annotated[int, Range(0, 2**63 - 1)]
"""What random numbers begin with."""
Shift = Annotated[int, Range(-1_000_000, 1_000_000)]
"""Bases to either side."""
Positive = Annotated[float, Range(0, 1_000_000, above=True)]
"""A size or a number of passes."""
Amount = Annotated[float, Range(0, 1_000_000_000)]
"""A size that may be none."""
Fraction = Annotated[float, Range(0, 1)]
"""A part of a whole, none and all included."""
NotNone = Annotated[float, Range(0, 1, above=True)]
"""A part of a whole that is not none."""
NotAll = Annotated[float, Range(0, 1, below=True)]
"""A part of a whole that is not all."""
Between = Annotated[float, Range(0, 1, above=True, below=True)]
"""A part of a whole that is neither none nor all."""
Devices = Annotated[float, Range(0, 1024, whole_above=1)]
"""GPUs: a part of one, or some."""


class Checked:
    """Base of the dataclasses of options: every number is in its range, and text is text."""

    def __post_init__(self) -> None:
        check_ranges(self)
        _check_text(self)


def check_ranges(options: Any) -> None:
    """Refuse a number that is out of the range of its field.

    Raises
    ------
    InputError
        Naming the field, the value and the range.
    """
    for name, (span, optional) in ranges(type(options)).items():  # type: ignore[arg-type]
        value = getattr(options, name)
        for one in value if isinstance(value, tuple) else (value,):
            if one is not None and not span.holds(one):
                rest = ", or leave it out" if optional else ""
                raise InputError(f"{name} is {one}", remedy=f"Use {span.wanted(one)}{rest}.")


def _check_text(options: Any) -> None:
    """Refuse bytes that are no UTF-8, as names of files may have, before they are in a table."""
    for field in fields(options):
        value = getattr(options, field.name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, str) and not one.isascii():
                try:
                    one.encode()
                except UnicodeEncodeError:
                    raise InputError(
                        f"{field.name} is {shown(one)}, which is no UTF-8",
                        remedy="Rename it, or give a link to it: ln -s OLD NEW.",
                    ) from None


@functools.cache
def ranges(options: type) -> dict[str, tuple[Range, bool]]:
    """Return the range of each field that has one, and whether it may be left out."""
    hints = get_type_hints(options, include_extras=True)
    found = {}
    for field in fields(options):
        parts = list(_parts(hints[field.name]))
        for part in parts:
            if isinstance(part, Range):
                found[field.name] = (part, type(None) in parts)
    return found


def _parts(hint: Any) -> Iterator[Any]:
    """Return a type and all that it is made of."""
    yield hint
    for part in (*get_args(hint), *getattr(hint, "__metadata__", ())):
        if part is not hint:
            yield from _parts(part)


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
