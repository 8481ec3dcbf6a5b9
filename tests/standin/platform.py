"""What has the platform take the device for a GPU: every branch for one is taken."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from dnasweep import devices

from standin.card import NAME


def replace() -> None:
    """Name the device where the platform names accelerators."""
    devices.ACCELERATORS[:] = [NAME]


@contextlib.contextmanager
def without_it() -> Iterator[None]:
    """Have the platform choose the CPU meanwhile."""
    devices.ACCELERATORS.clear()
    try:
        yield
    finally:
        devices.ACCELERATORS.append(NAME)
