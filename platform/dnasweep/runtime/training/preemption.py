"""Hearing that a machine is about to go, so that a training keeps its state before.

Ray knows of it as a node that is being drained: a spot machine that its cloud takes back, one that
an autoscaler gives up, one whose `ray start --block` was told to end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping

import ray

POLL_SECONDS = 5.0
AGAIN_SECONDS = 10.0
"""Between the states that are kept from the notice to the end, each of which may be the last."""


def draining_nodes() -> Mapping[str, int]:
    """Return the nodes that are about to go, by NodeID, with their deadlines in Unix milliseconds."""
    # There is no public way to ask outside Ray Train, whose own answer is a barrier of all
    # workers. Ray Train and Ray Data ask like this.
    from ray._private.state import state

    return dict(state.get_draining_nodes() or {})


def this_node() -> str:
    """Return the NodeID of the machine this process runs on."""
    return str(ray.get_runtime_context().get_node_id())


class Notice:
    """Says when a training is to keep its state because one of its machines is about to go.

    Parameters
    ----------
    nodes
        NodeIDs of the machines it runs on.
    ask
        Returns the nodes that are being drained.
    poll_seconds
        Between two questions.
    """

    def __init__(
        self,
        nodes: Collection[str],
        *,
        ask: Callable[[], Mapping[str, int]] = draining_nodes,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._nodes, self._ask, self._poll = frozenset(nodes), ask, poll_seconds
        self._going = False
        self._kept_at: float | None = None
        self._over = threading.Event()

    def __enter__(self) -> Notice:
        if self._nodes:
            threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()

    def due(self) -> bool:
        """Return whether the state is to be kept now; whoever is told so keeps it."""
        if not self._going:
            return False
        now = time.monotonic()
        if self._kept_at is not None and now - self._kept_at < AGAIN_SECONDS:
            return False
        self._kept_at = now
        return True

    def _watch(self) -> None:
        while not self._over.wait(self._poll):
            try:
                self._going = not self._nodes.isdisjoint(self._ask())
            except Exception:
                # The head may be out of reach for a while; the training does not need it.
                continue
