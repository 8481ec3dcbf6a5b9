"""Placement groups whose creator has died, and which keep CPUs and GPUs from everybody.

Ray frees a group with the job, not with the actor that made it. Ray Train has a cleaner for this,
which asks Ray's dashboard whether the creator lives; where there is no dashboard, as in a session of
one machine, it frees nothing.
"""

from __future__ import annotations

import ray
from ray._private import state
from ray.core.generated.gcs_pb2 import PlacementGroupTableData  # type: ignore[attr-defined]
from ray.util.placement_group import PlacementGroup, remove_placement_group

_NONE = b"\xff"


def remove_orphans() -> int:
    """Remove the placement groups of this job whose creators were actors that have died.

    Returns
    -------
    int
        How many they were.
    """
    job = ray.get_runtime_context().get_job_id()
    removed = 0
    for row in state.state._connect_and_get_accessor().get_placement_group_table():
        group = PlacementGroupTableData.FromString(row)
        made_by_actor = bool(group.creator_actor_id.strip(_NONE))
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
