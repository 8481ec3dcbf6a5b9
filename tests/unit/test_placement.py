"""Workers are placed machine by machine: sums over a cluster do not count."""

from __future__ import annotations

import pytest
from dnasweep.runtime.cluster.placement import Demand, Node, NodeGroup, find_room, grown, places

SMALL = [Node("a", 4, 1), Node("b", 4, 1), Node("head", 0, drivers=8)]


@pytest.mark.parametrize(
    ("nodes", "cpus", "gpus", "expected"),
    [
        ([Node("a", 4), Node("b", 4)], 8, 0, 0),
        ([Node("a", 4), Node("b", 4)], 3, 0, 2),
        ([Node("a", 8, 1), Node("b", 8)], 2, 1, 1),
        ([Node("a", 8, 2)], 1, 0.5, 4),
        ([Node("a", 8, 2)], 1, 0.7, 2),
        ([Node("a", 3, 8)], 1, 1, 3),
        ([Node("a", 16, 8)], 1, 2, 4),
        ([], 1, 0, 0),
    ],
)
def test_places(nodes: list[Node], cpus: float, gpus: float, expected: int) -> None:
    assert places(nodes, cpus=cpus, gpus=gpus) == expected


@pytest.mark.parametrize(
    ("demand", "nodes", "missing"),
    [
        (Demand(cpus=8), SMALL, "no node has 8 CPU"),
        (Demand(gpus=1), [Node("a", 4)], "no node has a GPU"),
        (Demand(gpus=2), SMALL, "no node has 2 GPU"),
        (Demand(workers=3, gpus=1), SMALL, "1 GPU is missing"),
        (Demand(workers=6, cpus=2, gpus=1), SMALL, "4 CPU and 4 GPU are missing"),
        (Demand(gpus=1), [Node("a", 0, 1), Node("b", 4)], "are not on the same node"),
        (Demand(gpus=1.5), SMALL, "whole GPUs or a part of one"),
        (Demand(workers=2, driver=True), [Node("a", 2)], "their driver needs 0.01"),
    ],
)
def test_what_is_missing_is_named(demand: Demand, nodes: list[Node], missing: str) -> None:
    room = find_room(demand, nodes)
    assert not room.fits
    assert missing in room.text


@pytest.mark.parametrize(
    ("demand", "nodes"),
    [
        (Demand(workers=2, gpus=1, driver=True), SMALL),
        (Demand(workers=2, driver=True), [Node("a", 2, drivers=1)]),
        (Demand(workers=2, driver=True), [Node("a", 3)]),
        (Demand(workers=2, cpus=2, driver=True), [Node("a", 2), Node("b", 3)]),
        (Demand(workers=2), [Node("a", 2)]),
    ],
)
def test_what_fits(demand: Demand, nodes: list[Node]) -> None:
    assert find_room(demand, nodes).fits


def test_an_autoscaler_replaces_the_nodes_of_its_kinds() -> None:
    groups = [NodeGroup(Node("gpu", 4, 1), 3), NodeGroup(Node("other", 0, drivers=8), 1)]
    most = grown(SMALL, groups, at_most=99)
    assert [node.name for node in most] == ["gpu", "gpu", "gpu", "other"]
    assert len(grown(SMALL, [NodeGroup(Node("gpu", 4, 1), 10**9)], at_most=5)) == 6
    # More than its limit may be there already.
    assert len(grown(SMALL, [NodeGroup(Node("gpu", 4, 1), 1)], at_most=5)) == 3
