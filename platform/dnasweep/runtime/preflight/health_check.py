"""The health check: all living nodes report at the same time and within a time limit."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from dnasweep.runtime.cluster.autoscaler import machine_kinds
from dnasweep.runtime.cluster.placement import Demand, NodeCapacity, NodeGroup
from dnasweep.runtime.cluster.session import living_nodes
from dnasweep.runtime.preflight.node_report import (
    STORAGE_TIMEOUT_S,
    NodeReport,
    ProbeReading,
    observe,
    read_probe,
    read_report,
    remove_probes,
)
from dnasweep.runtime.preflight.options import TIMEOUT_S
from dnasweep.storage import Storage
from dnasweep.tracking.client import NO_TRACKING, first_line, is_server

HERE = "this process"
_DRIVER = "driver"
"""Name of the probe of this process; probes of nodes are named by NodeID."""
_SECOND_TIMEOUT_S = STORAGE_TIMEOUT_S + 10.0
"""Maximum seconds for a node that has answered before."""

_Request = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterHealth:
    """Everything known about a cluster before work starts on it."""

    here: NodeReport
    """Report of this process, the driver, which runs on one of the nodes."""
    reports: tuple[NodeReport, ...]
    """Reports of the nodes that answered."""
    silent: Mapping[str, str]
    """The reason for each node without a report."""
    left: tuple[str, ...] = ()
    """Nodes that left the cluster during the check."""
    readings: tuple[ProbeReading, ...]
    """Whether nodes could read each other's probes, and differences between clocks."""
    nodes: tuple[NodeCapacity, ...]
    """Resources of the living nodes."""
    groups: tuple[NodeGroup, ...] = ()
    """Machines that an autoscaler may start."""
    demand: Demand
    """Processes that must run at the same time."""
    storage: str
    """Storage root."""
    uri: str | None
    """MLflow store; None if the work needs none."""
    mlflow_fault: str = ""
    """Why MLflow's own client in this process cannot use the store; empty if it can."""
    mlflow_remedy: str = ""
    """How to fix this fault."""
    seconds: float = 0.0
    """Duration of the health check."""


class _Reply(NamedTuple):
    value: Any
    """The result of the task, or the error that it raised."""
    sent: float
    received: float


def check_health(
    storage: Storage, uri: str | None, demand: Demand, *, timeout_s: float = TIMEOUT_S
) -> ClusterHealth:
    """Check every node of the open session, and this process.

    First each node reports and writes a probe to the storage. Then each reads the probe of another
    node, in a worker that is already running and therefore answers fast enough to compare clocks.

    Parameters
    ----------
    storage
        Storage of the work to come.
    uri
        MLflow store; None if none is needed.
    demand
        Resources that are needed at the same time.
    timeout_s
        Maximum seconds for a node to report. Slower nodes are listed in `silent`.
    """
    started = time.monotonic()
    uri = None if uri == NO_TRACKING else uri
    nodes, probes = living_nodes(), {"storage": storage.root, "key": uuid.uuid4().hex}
    common: _Request = probes | {"uri": uri if uri and is_server(uri) else None, "places": {}}
    try:
        sent = _send(_report, {i: common | {"name": n.name, "probe": i} for i, n in nodes.items()})
        here = read_report(observe(common | {"name": HERE, "probe": _DRIVER}))
        reports, silent = _reports(_collect(sent, timeout_s), nodes, timeout_s)
        readings = _readings(probes, here, reports)
    finally:
        remove_probes(storage, probes["key"])
    # The work can continue without a machine that has left the cluster.
    alive = living_nodes()
    left = {node.name for number, node in nodes.items() if number not in alive}
    return ClusterHealth(
        here=here,
        reports=tuple(report for number, report in reports.items() if number in alive),
        silent={name: why for name, why in silent.items() if name not in left},
        left=tuple(sorted(left)),
        readings=tuple(r for r in readings if not left & {r.reader, r.writer}),
        nodes=tuple(node for number, node in nodes.items() if number in alive),
        groups=machine_kinds(),
        demand=demand,
        storage=storage.root,
        uri=uri,
        seconds=time.monotonic() - started,
    )


def _report(request: _Request) -> dict[str, Any]:
    return observe(request | {"places": {"Ray": ray.get_runtime_context().get_temp_dir()}})


def _reports(
    replies: Mapping[str, _Reply], nodes: Mapping[str, NodeCapacity], timeout_s: float
) -> tuple[dict[str, NodeReport], dict[str, str]]:
    """Return the reports by NodeID, and the reasons for missing reports by node name."""
    reports, silent = {}, {}
    for node, named in nodes.items():
        value = replies[node].value if node in replies else None
        if value is None:
            silent[named.name] = f"did not answer within {timeout_s:g} s"
        elif isinstance(value, Exception):
            silent[named.name] = f"could not report: {_reason(value)}"
        else:
            try:
                reports[node] = read_report(value)
            except (TypeError, KeyError):
                silent[named.name] = "reports in the form of another version of dnasweep"
    return reports, silent


def _readings(
    probes: _Request, here: NodeReport, reports: Mapping[str, NodeReport]
) -> list[ProbeReading]:
    """Let each node read the probe of the previous one, in a ring that includes this process."""
    everybody = {_DRIVER: here, **reports}
    pairs = pair([(who, not report.storage_fault) for who, report in everybody.items()])
    sent = _send(read_probe, {node: probes | {"writer": pairs[node]} for node in reports})
    readings = []
    for node, reply in _collect(sent, _SECOND_TIMEOUT_S).items():
        reader, writer = reports[node].name, pairs[node]
        named = everybody[writer].name if writer else ""
        if isinstance(reply.value, Exception):
            readings.append(ProbeReading(reader, named, _reason(reply.value), 0.0, 0.0))
            continue
        begun, ended = reply.value["begun"], reply.value["ended"]
        # As in NTP (RFC 5905): the clocks differ by `offset`, plus or minus half of the time that
        # the request and the reply travelled.
        offset = (begun - reply.sent + ended - reply.received) / 2
        travel = (reply.received - reply.sent) - (ended - begun)
        readings.append(
            ProbeReading(reader, named, reply.value["fault"], offset, max(travel / 2, 1e-3))
        )
    answered = {reading.reader for reading in readings}
    readings += [
        ProbeReading(report.name, everybody[pairs[node]].name, "it did not answer again", 0.0, 0.0)
        for node, report in reports.items()
        if report.name not in answered and pairs[node]
    ]
    if writer := pairs[_DRIVER]:
        fault = read_probe(probes | {"writer": writer})["fault"]
        readings.append(ProbeReading(HERE, everybody[writer].name, fault, 0.0, 0.0))
    return readings


def pair(wrote: Sequence[tuple[str, bool]]) -> dict[str, str]:
    """Return the writer of the probe that each reads: the previous one with a probe, in a ring.

    Parameters
    ----------
    wrote
        Names in order, and whether each has written a probe.

    Returns
    -------
    dict
        Writer for each reader; empty if there is no other probe.
    """
    pairs = {}
    for at, (reader, _) in enumerate(wrote):
        before = [*reversed(wrote[:at]), *reversed(wrote[at + 1 :])]
        pairs[reader] = next((writer for writer, there in before if there), "")
    return pairs


def _send(task: Callable[[_Request], Any], requests: Mapping[str, _Request]) -> dict[Any, Any]:
    """Start a task on each of the nodes; return the reference to (node, time)."""
    remote, sent = ray.remote(task), {}
    for node, arguments in requests.items():
        placed = remote.options(
            num_cpus=0,
            max_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
        )
        began = time.time()
        sent[placed.remote(arguments)] = (node, began)
    return sent


def _collect(sent: Mapping[Any, Any], timeout_s: float) -> dict[str, _Reply]:
    """Return the replies that arrive in time, and cancel the other tasks."""
    replies, waiting = {}, list(sent)
    deadline = time.monotonic() + timeout_s
    while waiting and (left := deadline - time.monotonic()) > 0:
        ready, waiting = ray.wait(waiting, num_returns=1, timeout=left)
        received = time.time()
        for ref in ready:
            node, began = sent[ref]
            try:
                replies[node] = _Reply(ray.get(ref), began, received)
            except ray.exceptions.RayError as error:
                replies[node] = _Reply(error, began, received)
    for ref in waiting:
        ray.cancel(ref, force=True)
    return replies


def _reason(error: Exception) -> str:
    cause = getattr(error, "cause", None) or error
    return f"{type(cause).__name__}: {first_line(cause)}"
