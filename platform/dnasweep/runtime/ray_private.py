"""All private parts of Ray used by the package, for which Ray has no public alternative.

`tests/unit/test_ray_private.py` fails if the installed Ray is not the version below: check the
functions of this file with the new version, and then change the constant.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import ray
from ray._private import ray_constants
from ray._private.state import state
from ray.util.placement_group import PlacementGroup, remove_placement_group

CHECKED_WITH = "2.60.0"
"""The version of Ray that this file was checked with."""
_NO_ACTOR = b"\xff"


class StartableNodes(NamedTuple):
    """Nodes of one kind that an autoscaler may start, as reported to Ray."""

    name: str
    """Name of the kind."""
    resources: dict[str, float]
    """Resources of each node, by the names used in Ray."""
    max_count: int
    """Maximum number at the same time; negative for no limit."""


def startable_nodes() -> list[StartableNodes]:
    """Return the nodes an autoscaler may start, which some managed services report to Ray.

    Ray Data and Ray Train use the same call. Private: `ray._private.state.get_cluster_config`.
    """
    config = state.get_cluster_config()
    return [
        StartableNodes(group.name, dict(group.resources), group.max_count)
        for group in (config.node_group_configs if config else ())
    ]


def draining_nodes() -> dict[str, int]:
    """Return the nodes that are about to end, by NodeID, with deadlines in Unix milliseconds.

    The public function of Ray Train is a barrier for all workers. Ray Train and Ray Data use this
    call. Private: `ray._private.state.get_draining_nodes`.
    """
    return dict(state.get_draining_nodes() or {})


def drain_node(node_id: str, *, address: str, reason: str, deadline: float) -> None:
    """Tell Ray to drain a node that will be preempted.

    The hidden command `ray drain-node` does the same. Private: `GcsClient.drain_node`.

    Parameters
    ----------
    node_id
        NodeID.
    address
        Address of the GCS.
    reason
        Reason, for Ray's logs.
    deadline
        Unix time in seconds at which the node ends.

    Raises
    ------
    RuntimeError
        If Ray refuses, which it does not do for preempted machines.
    """
    from ray._raylet import GcsClient  # type: ignore[attr-defined]
    from ray.core.generated.autoscaler_pb2 import DrainNodeReason  # type: ignore[attr-defined]

    accepted, why = GcsClient(address=address).drain_node(
        node_id,
        DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION"),
        reason,
        int(deadline * 1000),
    )
    if not accepted:
        raise RuntimeError(why)


def remove_orphans() -> int:
    """Remove the placement groups of this job whose creators were actors that have died.

    They would block their CPUs and GPUs: Ray frees a group when the job ends, not when the actor
    that made it dies. Ray Train has a cleaner for this, which asks Ray's dashboard whether the
    creator is alive; without a dashboard, as in a session on one machine, it frees nothing.
    Private: the table of placement groups, whose public form does not name the creator.

    Returns
    -------
    int
        Number of removed groups.
    """
    from ray.core.generated.gcs_pb2 import (  # type: ignore[attr-defined]
        PlacementGroupTableData,
    )

    job = ray.get_runtime_context().get_job_id()
    removed = 0
    for row in state._connect_and_get_accessor().get_placement_group_table():
        group = PlacementGroupTableData.FromString(row)
        made_by_actor = bool(group.creator_actor_id.strip(_NO_ACTOR))
        if (
            group.creator_job_id.hex() == job
            and made_by_actor
            and group.creator_actor_dead
            and not group.is_detached
            and group.state != PlacementGroupTableData.REMOVED
        ):
            remove_placement_group(PlacementGroup(ray.PlacementGroupID(group.placement_group_id)))
            removed += 1
    return removed


@contextlib.contextmanager
def loopback_only() -> Iterator[None]:
    """Let a session that is started within the block listen on loopback only.

    On Linux, Ray replaces the node address 127.0.0.1 by an external one; on other systems it uses
    loopback. Private: `ray._private.ray_constants.ENABLE_RAY_CLUSTER`.
    """
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def withhold_from_trials(prefix: str) -> None:
    """Keep Tune from passing environment variables to trials whose names begin with `prefix`.

    Tune passes some variables in a way that makes Ray write them to its logs. Private:
    `ray.tune.execution.class_cache.ENV_VARS_TO_PROPAGATE`.
    """
    from ray.tune.execution.class_cache import ENV_VARS_TO_PROPAGATE

    ENV_VARS_TO_PROPAGATE.difference_update(
        {name for name in ENV_VARS_TO_PROPAGATE if name.startswith(prefix)}
    )


@contextlib.contextmanager
def process_group_setup(setup: Callable[..., Any]) -> Iterator[None]:
    """Let Ray Train set up the process group of a worker by another function within the block.

    Private: `ray.train.torch.config._setup_torch_process_group`, which Ray sends to every worker.

    Parameters
    ----------
    setup
        Takes the arguments of Ray's function.
    """
    from ray.train.torch import config as ray_torch

    before = ray_torch._setup_torch_process_group
    ray_torch._setup_torch_process_group = setup
    try:
        yield
    finally:
        ray_torch._setup_torch_process_group = before
