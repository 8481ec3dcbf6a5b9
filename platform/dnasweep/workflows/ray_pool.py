"""The default executor of jobs; Ray is imported when it is first needed."""

from __future__ import annotations

from dnasweep.jobs.executor import Executor, InProcess
from dnasweep.jobs.options import NearOptions


def on_ray() -> Executor:
    """Return an executor that computes shards on Ray."""
    from dnasweep.runtime.shards.pool import RayPool

    return RayPool()


def here_or_on_ray(options: NearOptions) -> Executor:
    """Return an executor in this process, or on Ray if a cluster or actors are requested."""
    return on_ray() if options.wants_ray else InProcess(one_thread=False)
