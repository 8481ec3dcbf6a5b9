"""Machines that an autoscaler may start, read from the autoscaler's own file.

Ray does not report which machines it may start. Its autoscaler is a process on the head node that
reads a file placed there by `ray up`; the command line of the process names the file.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray
import yaml
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from dnasweep.runtime.cluster.placement import NodeCapacity, NodeGroup
from dnasweep.runtime.ray_private import startable_nodes

_HEAD = "node:__internal_head__"
_HEAD_TIMEOUT_S = 60.0
"""Seconds within which the head must answer, if this process runs on another node."""
_MAX_WORKERS = 2
"""Ray's own limit if a file sets none."""


def machine_kinds() -> tuple[NodeGroup, ...]:
    """Return the machines that an autoscaler may start; none if there is no autoscaler.

    The largest come first, and their total number is limited to that of the autoscaler.
    """
    return _reported() or _configured()


def read_kinds(config: Mapping[str, Any]) -> tuple[NodeGroup, ...]:
    """Return the kinds of machines in a cluster file, without the head.

    Kinds whose size the file does not state are omitted. Kinds of the same size count as one.
    """
    left = config.get("max_workers", _MAX_WORKERS)
    sizes: dict[tuple[float, ...], NodeGroup] = {}
    for name, kind in config.get("available_node_types", {}).items():
        node = NodeCapacity.of(name, kind.get("resources") or {})
        if name == config.get("head_node_type") or not node.cpus:
            continue
        same = sizes.get(node.kind, NodeGroup(node, 0))
        count = same.most + kind.get("max_workers", left)
        emulates = same.node.emulates_bf16 or node.emulates_bf16
        sizes[node.kind] = NodeGroup(same.node._replace(emulates_bf16=emulates), count)
    found = []
    for group in sorted(sizes.values(), key=lambda g: (-g.node.gpus, -g.node.cpus)):
        if (count := min(group.most, left)) > 0:
            found.append(NodeGroup(group.node, count))
            left -= count
    return tuple(found)


def autoscaler_file(address: str, processes: Path = Path("/proc")) -> Path | None:
    """Return the cluster file of the autoscaler on this machine that serves the GCS at `address`."""
    for path in processes.glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # The process has ended in the meantime.
        options = dict(
            word.split("=", 1) for word in words if word.startswith("--") and "=" in word
        )
        if options.get("--gcs-address") == address and "--autoscaling-config" in options:
            return Path(options["--autoscaling-config"]).expanduser()
    return None


def _reported() -> tuple[NodeGroup, ...]:
    try:
        groups = startable_nodes()
    except Exception:
        return ()
    return tuple(
        NodeGroup(
            NodeCapacity.of(group.name, group.resources),
            sys.maxsize if group.max_count < 0 else group.max_count,
        )
        for group in groups
    )


def _configured() -> tuple[NodeGroup, ...]:
    context = ray.get_runtime_context()
    heads = [node["NodeID"] for node in ray.nodes() if _HEAD in node["Resources"]]
    address = context.gcs_address
    if context.get_node_id() in heads or not heads:
        return _read(address)
    task = ray.remote(_read).options(
        num_cpus=0,
        max_retries=0,
        scheduling_strategy=NodeAffinitySchedulingStrategy(heads[0], soft=False),
    )
    try:
        return ray.get(task.remote(address), timeout=_HEAD_TIMEOUT_S)
    except (ray.exceptions.RayError, TimeoutError):
        return ()


def _read(address: str) -> tuple[NodeGroup, ...]:
    file = autoscaler_file(address)
    try:
        return read_kinds(yaml.safe_load(file.read_text())) if file else ()
    except (OSError, yaml.YAMLError, AttributeError, TypeError):
        # Without permission, or with another format, the machines that may be started are unknown.
        return ()
