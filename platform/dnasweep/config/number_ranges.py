"""Whole numbers on the command line, given singly or as ranges: `0..40`, `0..40:5`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dnasweep.errors import InputError

MOST = 10_000
_RANGE = re.compile(r"(\d+)(?:\.\.(\d+)(?::(\d+))?)?")


def read_numbers(texts: Sequence[str], name: str) -> tuple[int, ...]:
    """Return non-negative whole numbers, sorted and without duplicates.

    Parameters
    ----------
    texts
        Numbers, and ranges FIRST..LAST or FIRST..LAST:STEP, which include both ends.
    name
        Name of the option.

    Raises
    ------
    InputError
        For anything else.

    Examples
    --------
    >>> read_numbers(["3", "10..20:5"], "spacings")
    (3, 10, 15, 20)
    """
    found: set[int] = set()
    for text in texts:
        match = _RANGE.fullmatch(text.strip())
        if match is None or len(text) > 24:
            raise InputError(
                f"{name} has {text!r}",
                remedy="Use whole numbers from 0, and ranges such as 0..40 or 0..40:5.",
            )
        first = int(match[1])
        last, step = int(match[2] or first), int(match[3] or 1)
        if last < first or step == 0:
            raise InputError(
                f"the range {text} of {name} is empty", remedy="Use FIRST..LAST:STEP."
            )
        if (last - first) // step >= MOST:
            raise InputError(
                f"the range {text} of {name} has more than {MOST:,} numbers",
                remedy="Use a shorter range, or a larger step.",
            )
        found.update(range(first, last + 1, step))
    return tuple(sorted(found))


def write_numbers(numbers: Sequence[int]) -> str:
    """Write sorted whole numbers in the form that :func:`read_numbers` reads, neighbours as ranges.

    Examples
    --------
    >>> write_numbers([0, 1, 2, 5])
    '0..2 5'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return " ".join(str(low) if low == high else f"{low}..{high}" for low, high in runs)
