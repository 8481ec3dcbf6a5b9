"""What a preflight has found out about a cluster, and what a check makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from dnasweep.runtime.cluster.placement import Demand, NodeCapacity, NodeGroup
from dnasweep.runtime.preflight.node_report import NodeReport, ProbeReading

Level = Literal["pass", "warn", "fail"]


class Check(NamedTuple):
    """One line of a preflight."""

    name: str
    """What is checked, in a word."""
    level: Level
    """How it came out."""
    message: str
    """What was found."""
    remedy: str = ""
    """What to do about it; empty where nothing is to be done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterHealth:
    """Everything a preflight has found out."""

    here: NodeReport
    """What this process, the driver, sees; it runs on one of the nodes."""
    reports: tuple[NodeReport, ...]
    """What the nodes report that answered."""
    silent: Mapping[str, str]
    """Node without a report to why."""
    left: tuple[str, ...] = ()
    """Nodes that have left the cluster while they were asked, as machines that die do."""
    readings: tuple[ProbeReading, ...]
    """Who reads whose probe, and the clocks."""
    nodes: tuple[NodeCapacity, ...]
    """What the living nodes offer."""
    groups: tuple[NodeGroup, ...] = ()
    """What an autoscaler may start."""
    demand: Demand
    """What has to run at once."""
    storage: str
    """Storage root."""
    uri: str | None
    """MLflow store; None where the work does not need one."""
    mlflow_fault: str = ""
    """Why MLflow's own client, in this process, cannot use the store."""
    mlflow_remedy: str = ""
    """What to do about that."""
    seconds: float = 0.0
    """How long finding out took."""
