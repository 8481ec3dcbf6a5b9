"""A healthy cluster of three machines as a preflight sees it, to be spoilt one thing at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dnasweep.runtime.cluster.placement import Demand, NodeCapacity
from dnasweep.runtime.preflight.checks import Check
from dnasweep.runtime.preflight.health_check import ClusterHealth
from dnasweep.runtime.preflight.node_report import Disk, NodeReport, ProbeReading

GIB = 1 << 30
VERSIONS = {"dnasweep": "0.1.0", "ray": "2.60.0", "torch": "2.13.0"}
NAMES = ("head", "gpu-1", "gpu-2")


def report(name: str, **changed: Any) -> NodeReport:
    healthy = NodeReport(
        name=name,
        python="3.11.7",
        versions=VERSIONS,
        code="abc",
        disks=(
            Disk("temporary files", "/tmp", 80 * GIB, 100 * GIB),
            Disk("Ray", "/tmp/ray", 80 * GIB, 100 * GIB),
            Disk("storage", "/mnt/runs", 70 * GIB, 100 * GIB),
        ),
        mlflow_status=200,
        auth_mode="token",
        token_file="/home/ray/.ray/auth_token",
        token_permissions=0o600,
    )
    return replace(healthy, **changed)


def health(node: str = "", spoilt: dict[str, Any] | None = None, **changed: Any) -> ClusterHealth:
    """Return the health of a good cluster, except for the report of `node` and the fields given."""
    healthy = ClusterHealth(
        here=report("this process"),
        reports=tuple(report(n, **(spoilt or {}) if n == node else {}) for n in NAMES),
        silent={},
        readings=(
            ProbeReading("gpu-1", "head", "", 0.01, 0.02),
            ProbeReading("gpu-2", "gpu-1", "", 0.01, 0.02),
            ProbeReading("head", "this process", "", 0.01, 0.02),
            ProbeReading("this process", "gpu-2", "", 0.0, 0.0),
        ),
        nodes=(
            NodeCapacity("head", 0, drivers=8),
            NodeCapacity("gpu-1", 4, 1),
            NodeCapacity("gpu-2", 4, 1),
        ),
        demand=Demand(workers=2, cpus=2, gpus=1, driver=True),
        storage="s3://bucket/runs",
        uri="http://10.0.0.4:5000",
        seconds=1.5,
    )
    return replace(healthy, **changed)


def problems(checks: list[Check]) -> dict[str, str]:
    """Return name to level of the checks that do not pass."""
    return {check.name: check.level for check in checks if check.level != "pass"}
