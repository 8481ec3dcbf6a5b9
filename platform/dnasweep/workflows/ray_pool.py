"""The executor of jobs where none is named: Ray, imported when it is first needed."""

from __future__ import annotations

from dnasweep.jobs.executor import Executor


def on_ray() -> Executor:
    """Return an executor that computes shards on Ray."""
    from dnasweep.runtime.shards.pool import RayPool

    return RayPool()
