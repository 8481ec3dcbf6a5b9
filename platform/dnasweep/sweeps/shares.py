"""Several drivers that work on one sweep: each begins at another trial, so that none waits for the others.

A stage that one of them computes is never computed by another: whoever comes to it waits and reads it. Drivers
that all began at the first trial would wait for one another at every single one.
"""

from __future__ import annotations

import os
import re

from dnasweep.errors import InputError

VARIABLE = "DNASWEEP_SHARE"
"""Environment variable that says which driver this is of how many, such as `0/4`, counted from 0."""


def share() -> float:
    """Return the part of the trials that other drivers begin with, from 0 to below 1.

    Examples
    --------
    >>> os.environ[VARIABLE] = "1/4"
    >>> share()
    0.25
    >>> del os.environ[VARIABLE]
    >>> share()
    0.0

    Raises
    ------
    InputError
        When the variable has another form.
    """
    text = os.environ.get(VARIABLE, "0/1")
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if match is None or not int(match[1]) < int(match[2]):
        raise InputError(
            f"{VARIABLE} is {text!r}",
            remedy="Number the drivers of a sweep from 0: 0/4, 1/4, 2/4 and 3/4; or leave it out.",
        )
    return int(match[1]) / int(match[2])
