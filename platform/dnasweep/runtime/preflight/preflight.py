"""The preflight: checks of every machine before work starts on several machines.

`dnasweep doctor` shows every line of it; sweeps and jobs show one line if all is well.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from dnasweep.config.execution import WorkerOptions
from dnasweep.errors import InputError
from dnasweep.formats.paths import user_path
from dnasweep.runtime.cluster.placement import Demand, Resources
from dnasweep.runtime.cluster.session import session
from dnasweep.runtime.preflight.checks import Check, run_checks
from dnasweep.runtime.preflight.health_check import ClusterHealth, check_health
from dnasweep.runtime.preflight.options import DoctorOptions
from dnasweep.storage import Storage
from dnasweep.tracking.client import check_reachable, resolve_uri, without_password

EXIT_FAILED = 1
_STYLES = {"pass": "green", "warn": "yellow", "fail": "bold red"}
_WIDTH = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirements:
    """Requirements of the planned work on the nodes."""

    storage: Storage
    """Storage of the results."""
    uri: str | None = None
    """MLflow store that must answer; None if the work does not depend on it."""
    workers: int = 1
    """Number of workers that must run at the same time."""
    cpus_per_worker: int | None = None
    """CPUs of each worker; None: at least one."""
    gpus_per_worker: float | None = None
    """GPUs of each worker; None: one if there are any."""
    grouped: bool = True
    """Whether the workers share one trial, and therefore need a driver if there are several."""

    @classmethod
    def of(cls, options: WorkerOptions, storage: Storage, uri: str) -> Requirements:
        """Return the requirements of one trial with these options.

        Parameters
        ----------
        options
            Options of its workers.
        storage, uri
            Storage of the results, and MLflow tracking URI.
        """
        return cls(
            storage=storage,
            uri=uri,
            workers=options.worker_range.minimum,
            cpus_per_worker=options.cpus_per_worker,
            gpus_per_worker=options.gpus_per_worker,
        )

    def demand(self, resources: Resources) -> Demand:
        """Return the processes that must run at the same time on a cluster with `resources`."""
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
    """Open a Ray session; if it has several nodes, check all of them first.

    Parameters
    ----------
    address
        As for :func:`~dnasweep.runtime.cluster.session.session`.
    requirements
        Requirements on the nodes; None: no checks.
    console
        Console for the checks.

    Raises
    ------
    InputError
        If there is no cluster, or if a check fails; failing checks are printed before.
    """
    with session(address) as resources:
        if requirements is not None and (resources.nodes > 1 or resources.groups):
            _require(requirements, resources, console)
        yield resources


def _require(requirements: Requirements, resources: Resources, console: Console) -> None:
    health = check_health(requirements.storage, requirements.uri, requirements.demand(resources))
    checks = run_checks(health)
    failing = [check for check in checks if check.level == "fail"]
    notable = [check for check in checks if check.level != "pass"]
    print_checks(notable, console)
    if failing:
        raise InputError(
            f"the cluster is not ready: {', '.join(check.name for check in failing)}",
            remedy="Fix it as described above; `dnasweep doctor` checks again, and --no-preflight "
            "continues without checks.",
        )
    number = len(health.reports)
    rest = f", {len(notable)} with a warning" if notable else ""
    console.print(
        f"[dim]preflight: {len(checks)} checks passed on {number} node{'s' * (number != 1)}{rest} "
        f"({health.seconds:.1f} s)[/]"
    )


def print_checks(checks: Sequence[Check], console: Console) -> None:
    """Print one line per check, aligned, with the remedy if there is one."""
    for check in checks:
        remedy = f" [dim]->[/] {escape(check.remedy)}" if check.remedy else ""
        console.print(
            f"[{_STYLES[check.level]}]{check.level}[/]  {check.name:<{_WIDTH}}"
            f"{escape(check.message)}{remedy}",
            soft_wrap=True,
        )


def run_doctor(options: DoctorOptions, console: Console) -> int:
    """Check every node, print one line per check and return the exit code: 0, or 1 if one fails.

    Raises
    ------
    InputError
        For invalid options, or an address without a cluster.
    """
    storage = Storage(options.storage)
    uri = resolve_uri(options.tracking_uri, storage.root)
    requirements = Requirements.of(options, storage, uri)
    with (
        console.status("joining or starting Ray") as status,
        session(options.address) as resources,
    ):
        status.update(f"asking {resources.nodes} node{'s' * (resources.nodes != 1)}")
        health = check_health(
            storage, uri, requirements.demand(resources), timeout_s=options.timeout_s
        )
        status.update("opening the MLflow store")
        health = _with_store(health, uri)
    checks = run_checks(health)
    console.print(f"[bold]Ray[/] {resources}", soft_wrap=True)
    print_checks(checks, console)
    failing = [check.name for check in checks if check.level == "fail"]
    if options.json is not None:
        _write(user_path(options.json), resources, checks, health)
    console.print(
        f"[bold red]{len(failing)} of {len(checks)} checks fail[/]"
        if failing
        else "[bold green]ready[/]"
    )
    return EXIT_FAILED if failing else 0


def _with_store(health: ClusterHealth, uri: str) -> ClusterHealth:
    """Add the check by MLflow's own client in this process, which records everything."""
    try:
        check_reachable(uri)
    except InputError as error:
        return dataclasses.replace(
            health, mlflow_fault=error.reason, mlflow_remedy=error.remedy or ""
        )
    return health


def _write(path: Path, resources: Resources, checks: list[Check], health: ClusterHealth) -> None:
    content = {
        "ready": all(check.level != "fail" for check in checks),
        "cluster": str(resources),
        "checks": _plain(checks),
        "survey": _plain(dataclasses.asdict(health))
        | {"uri": without_password(health.uri or ""), "storage": without_password(health.storage)},
    }
    try:
        path.write_text(json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise InputError(
            f"the checks cannot be written: {error.strerror}",
            file=path,
            remedy="Name another file.",
        ) from error


def _plain(value: Any) -> Any:
    """Return a value for JSON, with named tuples as dictionaries."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value
