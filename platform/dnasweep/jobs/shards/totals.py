"""What the shards of a job come to together, kept in the manifest that closes the job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dnasweep.jobs.shards.shards import Shards

Facts = dict[str, Any]


def close(shards: Shards, facts_of: Callable[[dict[str, float]], Facts]) -> Facts:
    """Close a job whose shards are all there, once, and return its facts.

    Parameters
    ----------
    facts_of
        Makes the job's facts of the sums over its shards; of facts named `max_...`, the largest.

    Raises
    ------
    RuntimeError
        Where a shard is missing.
    """
    if (manifest := shards.finished()) is not None:
        return dict(manifest["facts"])
    total: dict[str, float] = {}
    for _, manifest in shards.manifests():
        for name, value in manifest["facts"].items():
            there = total.get(name, 0)
            total[name] = max(there, value) if name.startswith("max_") else there + value
    facts = facts_of(total)
    shards.finish(facts)
    return facts
