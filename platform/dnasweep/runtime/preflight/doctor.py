"""The job that looks at a set-up and says line by line what is wrong: options in, exit code out."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from dnasweep.config.keys import require
from dnasweep.config.ranges import Checked, Devices, Few, Positive
from dnasweep.config.worker_range import read_worker_range
from dnasweep.errors import InputError
from dnasweep.formats.paths import user_path
from dnasweep.runtime.cluster.session import Resources, session
from dnasweep.runtime.preflight.checks import run_checks
from dnasweep.runtime.preflight.health_check import TIMEOUT_S, check_health
from dnasweep.runtime.preflight.preflight import Requirements, print_checks
from dnasweep.runtime.preflight.survey import Check, ClusterHealth
from dnasweep.storage import Storage
from dnasweep.tracking.client import check_reachable, resolve_uri, without_password

EXIT_FAILED = 1


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(Checked):
    """Options of the preflight; give it those of the command that is to follow."""

    storage: str = "runs"
    """Storage root: a folder, or a URI such as s3://bucket/folder."""
    tracking_uri: str | None = None
    """MLflow tracking URI. Default: MLFLOW_TRACKING_URI, else sqlite in the storage root."""
    address: str | None = None
    """Ray cluster to join, `auto` or HOST:PORT. Default: RAY_ADDRESS, else this machine alone."""
    workers_per_trial: int | str = 1
    """Data-parallel workers of one trial, or a range such as 1..4."""
    cpus_per_worker: Few | None = None
    """CPUs of a worker. Default: at least one."""
    gpus_per_worker: Devices | None = None
    """GPUs of a worker, fractions allowed. Default: one where there are any."""
    timeout_s: Positive = TIMEOUT_S
    """Seconds a node may take to answer before it counts as silent."""
    json: str | None = None
    """Also write the checks, and what every node reported, to this file."""

    def __post_init__(self) -> None:
        super().__post_init__()
        read_worker_range(self.workers_per_trial)
        if self.json is not None:
            path = user_path(self.json).absolute()
            require(
                path.parent.is_dir() and not path.is_dir(),
                "json",
                self.json,
                f"Name a file, and make the folder {path.parent} first.",
            )


def run_doctor(options: DoctorOptions, console: Console) -> int:
    """Look at every node, print a line a check and return the exit code: 0, or 1 if one fails.

    Raises
    ------
    InputError
        For options that make no sense, or an address where there is no cluster.
    """
    storage = Storage(options.storage)
    uri = resolve_uri(options.tracking_uri, storage.root)
    requirements = Requirements(
        storage=storage,
        uri=uri,
        workers=read_worker_range(options.workers_per_trial).minimum,
        cpus_per_worker=options.cpus_per_worker,
        gpus_per_worker=options.gpus_per_worker,
    )
    with (
        console.status("joining or starting Ray") as status,
        session(options.address) as resources,
    ):
        status.update(f"asking {resources.nodes} node{'s' * (resources.nodes != 1)}")
        survey = check_health(
            storage, uri, requirements.demand(resources), timeout_s=options.timeout_s
        )
        status.update("opening the MLflow store")
        survey = _with_store(survey, uri)
    checks = run_checks(survey)
    console.print(f"[bold]Ray[/] {resources}", soft_wrap=True)
    print_checks(checks, console)
    failing = [check.name for check in checks if check.level == "fail"]
    if options.json is not None:
        _write(user_path(options.json), resources, checks, survey)
    console.print(
        f"[bold red]{len(failing)} of {len(checks)} checks fail[/]"
        if failing
        else "[bold green]ready[/]"
    )
    return EXIT_FAILED if failing else 0


def _with_store(survey: ClusterHealth, uri: str) -> ClusterHealth:
    """Add what MLflow's own client says in this process, which records everything."""
    try:
        check_reachable(uri)
    except InputError as error:
        return dataclasses.replace(
            survey, mlflow_fault=error.reason, mlflow_remedy=error.remedy or ""
        )
    return survey


def _write(path: Path, resources: Resources, checks: list[Check], survey: ClusterHealth) -> None:
    content = {
        "ready": all(check.level != "fail" for check in checks),
        "cluster": str(resources),
        "checks": _plain(checks),
        "survey": _plain(dataclasses.asdict(survey))
        | {"uri": without_password(survey.uri or ""), "storage": without_password(survey.storage)},
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
    """Return a value with names in place of positions, for JSON."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value
