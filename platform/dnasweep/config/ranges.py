"""The allowed values of options, stated in their types and checked on construction.

For example, a field of type ``Fraction`` is a float from 0 to 1. :class:`Checked` checks all numbers of a
dataclass, so no option goes unchecked; a test covers all of them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import fields
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from dnasweep.config.keys import require
from dnasweep.errors import InputError
from dnasweep.plain import shown

_VAST = 100_000
"""Messages mention upper bounds of this size or more only if the value exceeds them."""


class Range(NamedTuple):
    """The smallest and the largest allowed value; NaN and infinity are never allowed."""

    least: float
    """Minimum."""
    most: float
    """Maximum."""
    above: bool = False
    """Whether the value must be greater than `least`."""
    below: bool = False
    """Whether the value must be less than `most`."""
    whole_above: float = math.inf
    """Values greater than this must be whole numbers."""

    def holds(self, value: float) -> bool:
        """Return whether a number is allowed."""
        if not self.least <= value <= self.most:
            return False
        if (self.above and value == self.least) or (self.below and value == self.most):
            return False
        return value <= self.whole_above or value == int(value)

    def wanted(self, value: float) -> str:
        """Return a description of the allowed values, for a number that is not allowed."""
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
"""A count of at least one."""
Whole = Annotated[int, Range(0, MANY)]
"""A count that may be 0, or a position counted from 0."""
Few = Annotated[int, Range(1, 100_000)]
"""A count of things that each cost memory or a process."""
Batch = Annotated[int, Range(1, 2**20)]
"""Number of sequences per batch."""
Seed = Annotated[int, Range(0, 2**63 - 1)]
"""Seed of a random generator."""
Shift = Annotated[int, Range(-1_000_000, 1_000_000)]
"""Number of bases on either side."""
Positive = Annotated[float, Range(0, 1_000_000, above=True)]
"""A size or a number of passes."""
Amount = Annotated[float, Range(0, 1_000_000_000)]
"""A size that may be 0."""
Fraction = Annotated[float, Range(0, 1)]
"""A fraction from 0 to 1."""
NotNone = Annotated[float, Range(0, 1, above=True)]
"""A fraction above 0, up to 1."""
NotAll = Annotated[float, Range(0, 1, below=True)]
"""A fraction from 0, below 1."""
Between = Annotated[float, Range(0, 1, above=True, below=True)]
"""A fraction above 0 and below 1."""
Bases = Annotated[int, Range(1, 2**63 - 1)]
"""A budget of bases."""
Devices = Annotated[float, Range(0, 1024, whole_above=1)]
"""A number of GPUs: a fraction of one, or a whole number."""


class Checked:
    """Base class of option dataclasses: checks all numbers and texts on construction."""

    def __post_init__(self) -> None:
        _check_ranges(self)
        _check_text(self)


class Config(Checked):
    """Base class of configurations that determine results. They can be created without a command line, so
    they also check fields with a choice of values."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, known in _choices(type(self)).items():  # type: ignore[arg-type]
            value = getattr(self, name)
            require(value in known, name, value, f"Use one of {', '.join(known)}.")

    def _clear(self, *names: str) -> None:
        """Set fields that do not apply to 0 or empty, so that equivalent configurations have equal keys."""
        for name in names:
            object.__setattr__(self, name, type(getattr(self, name))())


def _check_ranges(options: Any) -> None:
    """Refuse a number outside the range of its field.

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
    """Refuse text that is not valid UTF-8, such as some file names, before it gets into a table."""
    for field in fields(options):
        value = getattr(options, field.name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, str) and not one.isascii():
                try:
                    one.encode()
                except UnicodeEncodeError:
                    raise InputError(
                        f"{field.name} is {shown(one)}, which is not valid UTF-8",
                        remedy="Rename it, or give a link to it: ln -s OLD NEW.",
                    ) from None


@functools.cache
def ranges(options: type) -> dict[str, tuple[Range, bool]]:
    """Return the range of each field that has one, and whether the field may be None."""
    hints = get_type_hints(options, include_extras=True)
    found = {}
    for field in fields(options):
        parts = list(_parts(hints[field.name]))
        for part in parts:
            if isinstance(part, Range):
                found[field.name] = (part, type(None) in parts)
    return found


@functools.cache
def _choices(options: type) -> dict[str, tuple[str, ...]]:
    """Return the allowed values of each field with a choice."""
    hints = get_type_hints(options)
    return {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}


def _parts(hint: Any) -> Iterator[Any]:
    """Yield a type hint and all hints inside it."""
    yield hint
    for part in (*get_args(hint), *getattr(hint, "__metadata__", ())):
        if part is not hint:
            yield from _parts(part)
