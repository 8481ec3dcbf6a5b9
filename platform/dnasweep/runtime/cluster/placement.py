"""Resources of a cluster, and placement of workers on nodes.

Totals over a cluster are not sufficient for this: a worker needs its CPUs and GPUs on one node, so
four nodes with 4 CPUs each have no room for a worker with 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

DRIVER_RESOURCE = "train_driver"
"""Custom resource of nodes that run the drivers of worker groups; see `cluster.yaml`."""
DRIVER_CPU = 0.01
"""CPUs of the driver of a worker group if no node has that resource; Tune refuses 0."""
EMULATING = frozenset(f"accelerator_type:{name}" for name in ("K80", "P4", "P100", "V100", "T4"))
"""Ray's resources of GPUs that only emulate bf16, which is slower than fp32."""
_ROUNDING = 1e-9
_MAX_SHOWN = 4
_UNLIMITED = 10**6


class NodeCapacity(NamedTuple):
    """Resources of one machine."""

    name: str
    """Human-readable name."""
    cpus: float
    """Logical CPUs."""
    gpus: float = 0.0
    """GPUs."""
    drivers: float = 0.0
    """Number of drivers of worker groups that it can run."""
    emulates_bf16: bool = False
    """Whether its GPUs are known to only emulate bf16."""

    @classmethod
    def of(cls, name: str, resources: Mapping[str, float]) -> NodeCapacity:
        """Return a node with the resources that Ray reports."""
        cpus, gpus = resources.get("CPU", 0.0), resources.get("GPU", 0.0)
        drivers = resources.get(DRIVER_RESOURCE, 0.0)
        return cls(name, cpus, gpus, drivers, not EMULATING.isdisjoint(resources))

    @property
    def kind(self) -> tuple[float, float, float]:
        """Its CPUs, GPUs and drivers, by which an autoscaler's machines of one kind are recognised."""
        return self.cpus, self.gpus, self.drivers

    @property
    def size(self) -> str:
        """Its CPUs and GPUs as text."""
        return f"{self.cpus:g} CPU, {f'{self.gpus:g}' if self.gpus else 'no'} GPU"

    def __str__(self) -> str:
        return f"{self.name}: {self.size}"


class NodeGroup(NamedTuple):
    """Machines of one kind that an autoscaler may start."""

    node: NodeCapacity
    """Resources of each machine."""
    most: int
    """Maximum number of machines at the same time."""


class Resources(NamedTuple):
    """Current and possible resources of a cluster."""

    each: tuple[NodeCapacity, ...]
    """Resources of every living node."""
    groups: tuple[NodeGroup, ...] = ()
    """Machines that an autoscaler may start, including those that are running."""

    @property
    def nodes(self) -> int:
        """Number of living nodes."""
        return len(self.each)

    @property
    def cpus(self) -> float:
        """Logical CPUs in total."""
        return sum(node.cpus for node in self.each)

    @property
    def gpus(self) -> float:
        """GPUs in total."""
        return sum(node.gpus for node in self.each)

    @property
    def drivers(self) -> float:
        """Number of drivers of worker groups that can run without using CPUs of workers."""
        return sum(node.drivers for node in self.each)

    def grown(self, *, at_most: int) -> Resources:
        """Return the resources after an autoscaler has started all it may.

        Living nodes of a kind known to the autoscaler count towards its limit.

        Parameters
        ----------
        at_most
            Maximum number of machines of one kind that the caller needs; the autoscaler's limit may
            be huge.
        """
        kinds = {group.node.kind for group in self.groups}
        nodes = [node for node in self.each if node.kind not in kinds]
        for group in self.groups:
            running = sum(node.kind == group.node.kind for node in self.each)
            nodes += [group.node] * max(running, min(group.most, at_most))
        return Resources(tuple(nodes))

    def __str__(self) -> str:
        gpus = f", {self.gpus:g} GPU" if self.gpus else ", no GPU"
        text = f"{self.nodes} node{'s' * (self.nodes != 1)}, {self.cpus:g} CPU{gpus}"
        if not self.groups:
            return text
        kinds = ", ".join(
            f"up to {kind.most if kind.most < _UNLIMITED else 'any number'} of {kind.node.size}"
            for kind in self.groups
        )
        return f"{text} now; machines that come with the work: {kinds}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Demand:
    """Processes that must run at the same time: the workers of one trial, or one actor."""

    workers: int = 1
    """Number of worker processes."""
    cpus: float = 1.0
    """CPUs of each worker."""
    gpus: float = 0.0
    """GPUs of each worker."""
    driver: bool = False
    """Whether a driver is also needed, as for a trial with several workers."""

    def __str__(self) -> str:
        gpus = f", {self.gpus:g} GPU" if self.gpus else ""
        return f"{self.workers} worker{'s' * (self.workers != 1)} of {self.cpus:g} CPU{gpus}"


class Fit(NamedTuple):
    """Whether a demand fits."""

    fits: bool
    """Whether the demand can run."""
    text: str
    """Description of the available room, or of what is missing."""


def num_fitting(nodes: Sequence[NodeCapacity], *, cpus: float, gpus: float) -> int:
    """Return how many workers fit at once, each with its CPUs and GPUs on one node.

    A fraction of a GPU is part of one device: two GPUs have room for only two workers with 0.7
    each.

    Parameters
    ----------
    nodes
        Resources of each node.
    cpus, gpus
        CPUs and GPUs of a worker.
    """
    return sum(_on_node(node, cpus, gpus) for node in nodes)


def find_room(demand: Demand, nodes: Sequence[NodeCapacity]) -> Fit:
    """Return whether a demand can run on otherwise empty nodes, and what is missing if not.

    A driver runs on a node with the resource for drivers. If no node has it, the driver uses a
    small part of a CPU in addition to the workers.
    """
    found = num_fitting(nodes, cpus=demand.cpus, gpus=demand.gpus)
    if demand.gpus > 1 and demand.gpus % 1:
        return Fit(False, f"Ray gives a worker whole GPUs or a part of one, not {demand.gpus:g}")
    if found < demand.workers:
        return Fit(False, f"{_missing(demand, nodes, found)}; there is {_shown(nodes)}")
    if demand.driver and all(node.drivers < 1 for node in nodes):
        spare = any(
            node.cpus - _on_node(node, demand.cpus, demand.gpus) * demand.cpus >= DRIVER_CPU
            for node in nodes
        )
        if found == demand.workers and not spare:
            return Fit(
                False,
                f"the workers fill every CPU, and their driver needs {DRIVER_CPU:g} of one beside "
                f"them; there is {_shown(nodes)}",
            )
    return Fit(True, f"room for {found} worker{'s' * (found != 1)} at once")


def _on_node(node: NodeCapacity, cpus: float, gpus: float) -> int:
    return min(_by_cpu(node, cpus), _by_gpu(node, gpus)) if gpus else _by_cpu(node, cpus)


def _by_cpu(node: NodeCapacity, cpus: float) -> int:
    return int(node.cpus / cpus + _ROUNDING)


def _by_gpu(node: NodeCapacity, gpus: float) -> int:
    if gpus < 1:
        return int(node.gpus + _ROUNDING) * int(1 / gpus + _ROUNDING)
    return int(node.gpus / gpus + _ROUNDING)


def _missing(demand: Demand, nodes: Sequence[NodeCapacity], found: int) -> str:
    by_cpu = sum(_by_cpu(node, demand.cpus) for node in nodes)
    by_gpu = sum(_by_gpu(node, demand.gpus) for node in nodes) if demand.gpus else found
    if demand.gpus and all(node.gpus == 0 for node in nodes):
        return "no node has a GPU"
    if not by_cpu:
        return f"no node has {demand.cpus:g} CPU"
    if demand.gpus and not by_gpu:
        return f"no node has {demand.gpus:g} GPU"
    lacking = []
    if by_cpu < demand.workers:
        lacking.append(f"{(demand.workers - by_cpu) * demand.cpus:g} CPU")
    if demand.gpus and by_gpu < demand.workers:
        lacking.append(f"{(demand.workers - by_gpu) * demand.gpus:g} GPU")
    if lacking:
        verb = "is" if len(lacking) == 1 and lacking[0].startswith("1 ") else "are"
        return f"{' and '.join(lacking)} {verb} missing"
    return f"CPUs and GPUs for {demand.workers - found} of the workers are not on the same node"


def _shown(nodes: Sequence[NodeCapacity]) -> str:
    text = "; ".join(map(str, nodes[:_MAX_SHOWN])) or "no node"
    return text + (f"; and {len(nodes) - _MAX_SHOWN} more" if len(nodes) > _MAX_SHOWN else "")
