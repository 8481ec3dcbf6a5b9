"""The preflight: before work starts on several machines, all that are there are looked at.

`python jobs/doctor.py` shows every line of it; sweeps and jobs one line when all is well.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape

from dnasweep.errors import InputError
from dnasweep.runtime.cluster.placement import Demand
from dnasweep.runtime.cluster.session import Resources, session
from dnasweep.runtime.preflight.checks import run_checks
from dnasweep.runtime.preflight.health_check import check_health
from dnasweep.runtime.preflight.survey import Check
from dnasweep.storage import Storage

_STYLES = {"pass": "green", "warn": "yellow", "fail": "bold red"}
_WIDTH = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirements:
    """What some work needs of every node."""

    storage: Storage
    """Where results go."""
    uri: str | None = None
    """MLflow store that has to answer; None where the work goes on without."""
    workers: int = 1
    """Workers that have to run at once."""
    cpus_per_worker: int | None = None
    """CPUs of each; None: at least one."""
    gpus_per_worker: float | None = None
    """GPUs of each; None: one where there are any."""
    grouped: bool = True
    """Whether they work on one trial, and so have a driver where there are several."""

    def demand(self, resources: Resources) -> Demand:
        """Return what has to run at once on a cluster that has `resources`."""
        usual = 1.0 if resources.grown(at_most=1).gpus else 0.0
        gpus = usual if self.gpus_per_worker is None else self.gpus_per_worker
        return Demand(
            workers=self.workers,
            cpus=self.cpus_per_worker or 1,
            gpus=gpus,
            driver=self.grouped and self.workers > 1,
        )


@contextlib.contextmanager
def checked_session(
    address: str | None, requirements: Requirements | None, console: Console
) -> Iterator[Resources]:
    """Open a Ray session, and look at all nodes first where there are several.

    Parameters
    ----------
    address
        As for :func:`~dnasweep.runtime.cluster.session.session`.
    requirements
        What is needed of the nodes; None looks at nothing.

    Raises
    ------
    InputError
        When there is no cluster, or a check fails; the lines of those have been printed.
    """
    with session(address) as resources:
        if requirements is not None and (resources.nodes > 1 or resources.groups):
            _require(requirements, resources, console)
        yield resources


def _require(requirements: Requirements, resources: Resources, console: Console) -> None:
    survey = check_health(requirements.storage, requirements.uri, requirements.demand(resources))
    checks = run_checks(survey)
    failing = [check for check in checks if check.level == "fail"]
    notable = [check for check in checks if check.level != "pass"]
    print_checks(notable, console)
    if failing:
        raise InputError(
            f"the cluster is not ready: {', '.join(check.name for check in failing)}",
            remedy="Mend it as the lines above say; jobs/doctor.py looks again, and "
            "--no-preflight goes on without looking.",
        )
    number = len(survey.reports)
    rest = f", {len(notable)} with a warning" if notable else ""
    console.print(
        f"[dim]preflight: {len(checks)} checks passed on {number} node{'s' * (number != 1)}{rest} "
        f"({survey.seconds:.1f} s)[/]"
    )


def print_checks(checks: Sequence[Check], console: Console) -> None:
    """Print a line a check, aligned, with the remedy where there is one."""
    for check in checks:
        remedy = f" [dim]->[/] {escape(check.remedy)}" if check.remedy else ""
        console.print(
            f"[{_STYLES[check.level]}]{check.level}[/]  {check.name:<{_WIDTH}}"
            f"{escape(check.message)}{remedy}",
            soft_wrap=True,
        )
