"""Where results are stored and computed: options shared by sweeps, jobs and the preflight checks.

None of these options changes a result.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from dnasweep.config.keys import require
from dnasweep.config.ranges import Checked, Devices, Few


@dataclass(frozen=True, kw_only=True)
class PlaceOptions(Checked):
    """Where results are stored, and where the work runs."""

    storage: str = "runs"
    """Storage root: a folder, or a URI such as s3://bucket/folder, which must not contain credentials."""
    tracking_uri: str | None = None
    """MLflow tracking URI, or none to record nothing. Default: MLFLOW_TRACKING_URI, else sqlite in the
    storage root."""
    address: str | None = None
    """Ray cluster to join, `auto` or HOST:PORT. Default: RAY_ADDRESS, else this machine alone."""


class WorkerRange(NamedTuple):
    """Minimum and maximum number of workers of a trial."""

    minimum: int
    """Number of workers with which a trial continues if the cluster has no room for more."""
    maximum: int
    """Number of workers of a trial if the cluster has room for them."""

    def __str__(self) -> str:
        return (
            str(self.maximum)
            if self.minimum == self.maximum
            else f"{self.minimum}..{self.maximum}"
        )


def read_worker_range(workers: int | str) -> WorkerRange:
    """Read `4`, or `1..4`.

    Raises
    ------
    InputError
        For anything else, or fewer than one.

    Examples
    --------
    >>> read_worker_range("1..4")
    WorkerRange(minimum=1, maximum=4)
    >>> read_worker_range(2)
    WorkerRange(minimum=2, maximum=2)
    """
    found = re.fullmatch(r"([0-9]{1,6})(?:\.\.([0-9]{1,6}))?", str(workers).strip())
    minimum, maximum = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    require(
        1 <= minimum <= maximum,
        "workers_per_trial",
        workers,
        "Use a number such as 4, or a range such as 1..4.",
    )
    return WorkerRange(minimum, maximum)


@dataclass(frozen=True, kw_only=True)
class WorkerOptions(Checked):
    """The workers of one trial, and the resources of each."""

    workers_per_trial: int | str = 1
    """Number of data-parallel workers of one trial, or a range such as 1..4: as many as there is room for,
    adjusted as machines join and leave. Results do not depend on it."""
    cpus_per_worker: Few | None = None
    """CPUs per worker. Default: one, or more if there are fewer trials than CPUs."""
    gpus_per_worker: Devices | None = None
    """GPUs per worker, fractions allowed. Default: one if there are any."""

    def __post_init__(self) -> None:
        super().__post_init__()
        read_worker_range(self.workers_per_trial)

    @property
    def worker_range(self) -> WorkerRange:
        """Minimum and maximum number of workers of one trial."""
        return read_worker_range(self.workers_per_trial)
