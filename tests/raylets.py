"""A cluster whose machines are raylets on this one, to be added and killed."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import ray

HEAD = {"num_cpus": 0, "num_gpus": 0, "include_dashboard": False, "resources": {"train_driver": 8}}


class Machines:
    """A head without CPUs, and machines of one CPU each."""

    def __init__(self, **head: Any) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(initialize_head=True, head_node_args={**HEAD, **head})
        self.address = self._cluster.address

    def add(self, *, cpus: int = 1) -> Any:
        return self._cluster.add_node(num_cpus=cpus)

    def kill(self, machine: Any) -> None:
        """Take a machine away at once, as a cloud does that wants it back."""
        self._cluster.remove_node(machine, allow_graceful=False)

    def shutdown(self) -> None:
        ray.shutdown()
        self._cluster.shutdown()


@contextlib.contextmanager
def machines(**head: Any) -> Iterator[Machines]:
    found = Machines(**head)
    try:
        yield found
    finally:
        found.shutdown()


def working(machine: Any, name: str) -> bool:
    """Whether a process of Ray's of that name works on a machine."""
    raylet = psutil.Process(machine.all_processes["raylet"][0].process.pid)
    for child in raylet.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if name in " ".join(child.cmdline()):
                return True
    return False


def wait_for(what: Callable[[], bool], *, seconds: float, alive: Callable[[], bool]) -> None:
    """Wait for something that comes while something else goes on."""
    deadline = time.monotonic() + seconds
    while not what():
        assert alive(), "it has ended before"
        assert time.monotonic() < deadline, "it has not come"
        time.sleep(0.2)


def results(storage: Path, kind: str) -> dict[str, Any]:
    """What every published training of a kind came to, but for its time and memory."""
    found = {}
    for path in (storage / kind).glob("*/outcome.json"):
        outcome = json.loads(path.read_text())
        metrics = [evaluation["metrics"] for evaluation in outcome["history"]]
        found[path.parent.name] = [*metrics, outcome["best"]["metrics"]]
    return found
