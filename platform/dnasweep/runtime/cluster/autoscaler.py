"""Machines that an autoscaler may start: read where the autoscaler itself reads them.

Ray tells nobody what it may start. Its autoscaler is a process on the head that was given a file,
the one that `ray up` has put there; which file, its command line says.
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

_HEAD = "node:__internal_head__"
_RETRY_SECONDS = 60.0
"""How long the head may take to answer where this process runs elsewhere."""
_MAX_WORKERS = 2
"""Ray's own limit where a file sets none."""


def machine_kinds() -> tuple[NodeGroup, ...]:
    """Return the machines that an autoscaler may start; none where there is no autoscaler.

    The largest come first, and together they are no more than the autoscaler may have at once.
    """
    return _reported() or _configured()


def read_kinds(config: Mapping[str, Any]) -> tuple[NodeGroup, ...]:
    """Return the kinds of machines of a cluster file, without the head.

    Kinds whose size the file leaves to the machine itself are left out, as nobody can plan with
    them. Two that offer the same count as one.
    """
    left = config.get("max_workers", _MAX_WORKERS)
    sizes: dict[tuple[float, ...], NodeGroup] = {}
    for name, kind in config.get("available_node_types", {}).items():
        node, most = (
            NodeCapacity.of(name, kind.get("resources") or {}),
            kind.get("max_workers", left),
        )
        if name == config.get("head_node_type") or not node.cpus:
            continue
        there = sizes.get(node[1:], NodeGroup(node, 0))
        sizes[node[1:]] = NodeGroup(there.node, there.most + most)
    found = []
    for group in sorted(sizes.values(), key=lambda g: (-g.node.gpus, -g.node.cpus)):
        if (most := min(group.most, left)) > 0:
            found.append(NodeGroup(group.node, most))
            left -= most
    return tuple(found)


def autoscaler_file(address: str, processes: Path = Path("/proc")) -> Path | None:
    """Return the cluster file of the autoscaler that works for the GCS at `address`, here."""
    for path in processes.glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # It has ended meanwhile.
        options = dict(
            word.split("=", 1) for word in words if word.startswith("--") and "=" in word
        )
        if options.get("--gcs-address") == address and "--autoscaling-config" in options:
            return Path(options["--autoscaling-config"]).expanduser()
    return None


def _reported() -> tuple[NodeGroup, ...]:
    """Ask Ray, whom some managed services tell; Ray Data and Ray Train ask like this."""
    try:
        # There is no public way.
        from ray._private.state import state

        config = state.get_cluster_config()
    except Exception:
        return ()
    return tuple(
        NodeGroup(
            NodeCapacity.of(group.name, dict(group.resources)),
            sys.maxsize if group.max_count < 0 else group.max_count,
        )
        for group in (config.node_group_configs if config else ())
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
        return ray.get(task.remote(address), timeout=_RETRY_SECONDS)
    except (ray.exceptions.RayError, TimeoutError):
        return ()


def _read(address: str) -> tuple[NodeGroup, ...]:
    file = autoscaler_file(address)
    try:
        return read_kinds(yaml.safe_load(file.read_text())) if file else ()
    except (OSError, yaml.YAMLError, AttributeError, TypeError):
        # Not ours to read, or of a form of its own: then nobody knows what may come.
        return ()
