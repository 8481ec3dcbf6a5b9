"""What an actor held when it was killed is there for others again, and nothing else is taken."""

from __future__ import annotations

import time

import pytest
import ray
from dnasweep.runtime.ray_private import remove_orphans
from ray.util.placement_group import placement_group, remove_placement_group

pytestmark = pytest.mark.usefixtures("ray_cluster")
PATIENCE = 60.0


@ray.remote(num_cpus=0)
class Holder:
    """Holds a CPU by a placement group."""

    def hold(self) -> bool:
        self._group = placement_group([{"CPU": 1}])
        return bool(ray.get(self._group.ready()))


def test_only_the_groups_of_the_dead_are_removed() -> None:
    dead, alive = Holder.remote(), Holder.remote()
    ray.get(dead.hold.remote())
    own = placement_group([{"CPU": 0.5}])
    assert own.wait(PATIENCE)
    assert remove_orphans() == 0
    ray.kill(dead)
    deadline = time.monotonic() + PATIENCE
    while not remove_orphans():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    # There is room for one at most at a time but for what was freed.
    assert ray.get(alive.hold.remote(), timeout=PATIENCE)
    assert remove_orphans() == 0
    states = {group["state"] for group in ray.util.placement_group_table().values()}
    assert "CREATED" in states
    ray.kill(alive)
    remove_placement_group(own)
