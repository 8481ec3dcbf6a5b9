"""Which workers fit on which nodes: the arithmetic of a request, machine by machine.

Sums over a cluster do not answer it. A worker needs its CPUs and GPUs on one node, so four nodes of
4 CPUs hold no worker of 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

DRIVER_RESOURCE = "train_driver"
"""Custom resource of nodes that hold the drivers of worker groups; see `cluster.yaml`."""
DRIVER_CPU = 0.01
"""What the driver of a worker group takes where no node has a place for drivers; Tune refuses
none at all."""
_ROUNDING = 1e-9
_SHOWN = 4


class NodeCapacity(NamedTuple):
    """What one machine offers."""

    name: str
    """What people call it."""
    cpus: float
    """Logical CPUs."""
    gpus: float = 0.0
    """GPUs."""
    drivers: float = 0.0
    """Places for the drivers of worker groups."""

    @classmethod
    def of(cls, name: str, has: Mapping[str, float]) -> NodeCapacity:
        """Make a node of what Ray calls its resources."""
        return cls(name, has.get("CPU", 0.0), has.get("GPU", 0.0), has.get(DRIVER_RESOURCE, 0.0))

    @property
    def size(self) -> str:
        """What it offers to workers, in words."""
        return f"{self.cpus:g} CPU, {f'{self.gpus:g}' if self.gpus else 'no'} GPU"

    def __str__(self) -> str:
        return f"{self.name}: {self.size}"


class NodeGroup(NamedTuple):
    """Machines of one kind that an autoscaler may start."""

    node: NodeCapacity
    """What each of them offers."""
    most: int
    """How many there can be at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Demand:
    """What has to run at once for work to go on: the workers of one trial, or one actor."""

    workers: int = 1
    """Worker processes."""
    cpus: float = 1.0
    """CPUs of each."""
    gpus: float = 0.0
    """GPUs of each."""
    driver: bool = False
    """Whether a driver runs beside them, as beside the workers of one trial."""

    def __str__(self) -> str:
        gpus = f", {self.gpus:g} GPU" if self.gpus else ""
        return f"{self.workers} worker{'s' * (self.workers != 1)} of {self.cpus:g} CPU{gpus}"


class Fit(NamedTuple):
    """The answer to a demand."""

    fits: bool
    """Whether it can run."""
    text: str
    """How much room there is, or what is missing."""


def places(nodes: Sequence[NodeCapacity], *, cpus: float, gpus: float) -> int:
    """Return how many workers fit at once, each with its CPUs and GPUs on one node.

    GPUs below one are parts of a single device: two GPUs hold two workers of 0.7, and not more.
    """
    return sum(_on(node, cpus, gpus) for node in nodes)


def find_room(demand: Demand, nodes: Sequence[NodeCapacity]) -> Fit:
    """Say whether a demand can run on nodes that hold nothing else, and what is missing if not.

    A driver takes its place among `drivers`, and where no node has such places a sliver of a CPU
    beside the workers.
    """
    found = places(nodes, cpus=demand.cpus, gpus=demand.gpus)
    if demand.gpus > 1 and demand.gpus % 1:
        return Fit(False, f"Ray gives a worker whole GPUs or a part of one, not {demand.gpus:g}")
    if found < demand.workers:
        return Fit(False, f"{_missing(demand, nodes, found)}; there is {_shown(nodes)}")
    if demand.driver and all(node.drivers < 1 for node in nodes):
        spare = any(
            node.cpus - _on(node, demand.cpus, demand.gpus) * demand.cpus >= DRIVER_CPU
            for node in nodes
        )
        if found == demand.workers and not spare:
            return Fit(
                False,
                f"the workers fill every CPU, and their driver needs {DRIVER_CPU:g} of one beside "
                f"them; there is {_shown(nodes)}",
            )
    return Fit(True, f"room for {found} worker{'s' * (found != 1)} at once")


def grown(
    nodes: Sequence[NodeCapacity], groups: Sequence[NodeGroup], *, at_most: int
) -> list[NodeCapacity]:
    """Return the nodes once an autoscaler has started all it may, as far as anybody would ask.

    Parameters
    ----------
    nodes
        Those that are there. Kinds of machines that the autoscaler knows count by its own limit.
    at_most
        Machines of a kind that make a difference; limits may be astronomic.
    """
    kinds = {group.node[1:] for group in groups}
    there = [node for node in nodes if node[1:] not in kinds]
    for group in groups:
        present = sum(node[1:] == group.node[1:] for node in nodes)
        there += [group.node] * max(present, min(group.most, at_most))
    return there


def _on(node: NodeCapacity, cpus: float, gpus: float) -> int:
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
    text = "; ".join(map(str, nodes[:_SHOWN])) or "no node"
    return text + (f"; and {len(nodes) - _SHOWN} more" if len(nodes) > _SHOWN else "")
