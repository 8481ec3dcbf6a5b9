"""Several drivers of one sweep: each starts with a different trial, so none waits for others.

A stage is computed by only one driver: another that needs it waits and reads the result. Drivers
that all started with the first trial would wait for one another at every trial.
"""

from __future__ import annotations

import os
import re

from dnasweep.errors import InputError

VARIABLE = "DNASWEEP_SHARE"
"""Environment variable with the number of this driver, counted from 0, and the number of drivers,
such as `0/4`."""


def share() -> float:
    """Return where this driver starts, as a fraction of the trials, from 0 to below 1.

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
        If the variable has another form.
    """
    text = os.environ.get(VARIABLE, "0/1")
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if match is None or not int(match[1]) < int(match[2]):
        raise InputError(
            f"{VARIABLE} is {text!r}",
            remedy="Number the drivers of a sweep from 0: 0/4, 1/4, 2/4 and 3/4; or leave it out.",
        )
    return int(match[1]) / int(match[2])
