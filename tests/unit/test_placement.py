"""Workers are placed machine by machine: sums over a cluster do not count."""

from __future__ import annotations

import pytest
from dnasweep.runtime.cluster.placement import (
    Demand,
    NodeCapacity,
    NodeGroup,
    Resources,
    find_room,
    num_fitting,
)

SMALL = [NodeCapacity("a", 4, 1), NodeCapacity("b", 4, 1), NodeCapacity("head", 0, drivers=8)]


@pytest.mark.parametrize(
    ("nodes", "cpus", "gpus", "expected"),
    [
        ([NodeCapacity("a", 4), NodeCapacity("b", 4)], 8, 0, 0),
        ([NodeCapacity("a", 4), NodeCapacity("b", 4)], 3, 0, 2),
        ([NodeCapacity("a", 8, 1), NodeCapacity("b", 8)], 2, 1, 1),
        ([NodeCapacity("a", 8, 2)], 1, 0.5, 4),
        ([NodeCapacity("a", 8, 2)], 1, 0.7, 2),
        ([NodeCapacity("a", 3, 8)], 1, 1, 3),
        ([NodeCapacity("a", 16, 8)], 1, 2, 4),
        ([], 1, 0, 0),
    ],
)
def test_places(nodes: list[NodeCapacity], cpus: float, gpus: float, expected: int) -> None:
    assert num_fitting(nodes, cpus=cpus, gpus=gpus) == expected


@pytest.mark.parametrize(
    ("demand", "nodes", "missing"),
    [
        (Demand(cpus=8), SMALL, "no node has 8 CPU"),
        (Demand(gpus=1), [NodeCapacity("a", 4)], "no node has a GPU"),
        (Demand(gpus=2), SMALL, "no node has 2 GPU"),
        (Demand(workers=3, gpus=1), SMALL, "1 GPU is missing"),
        (Demand(workers=6, cpus=2, gpus=1), SMALL, "4 CPU and 4 GPU are missing"),
        (
            Demand(gpus=1),
            [NodeCapacity("a", 0, 1), NodeCapacity("b", 4)],
            "are not on the same node",
        ),
        (Demand(gpus=1.5), SMALL, "whole GPUs or a part of one"),
        (Demand(workers=2, driver=True), [NodeCapacity("a", 2)], "their driver needs 0.01"),
    ],
)
def test_what_is_missing_is_named(demand: Demand, nodes: list[NodeCapacity], missing: str) -> None:
    room = find_room(demand, nodes)
    assert not room.fits
    assert missing in room.text


@pytest.mark.parametrize(
    ("demand", "nodes"),
    [
        (Demand(workers=2, gpus=1, driver=True), SMALL),
        (Demand(workers=2, driver=True), [NodeCapacity("a", 2, drivers=1)]),
        (Demand(workers=2, driver=True), [NodeCapacity("a", 3)]),
        (Demand(workers=2, cpus=2, driver=True), [NodeCapacity("a", 2), NodeCapacity("b", 3)]),
        (Demand(workers=2), [NodeCapacity("a", 2)]),
    ],
)
def test_what_fits(demand: Demand, nodes: list[NodeCapacity]) -> None:
    assert find_room(demand, nodes).fits


def test_machines_of_one_kind_are_known_by_their_size_alone() -> None:
    """Ray names the GPU of a living node, and files of autoscalers need not."""
    living = NodeCapacity.of("gpu-1", {"CPU": 4, "GPU": 1, "accelerator_type:T4": 1})
    assert living.emulates_bf16
    group = NodeGroup(NodeCapacity.of("gpu", {"CPU": 4, "GPU": 1}), 1)
    assert Resources((living,), (group,)).grown(at_most=9).each == (group.node,)


def test_an_autoscaler_replaces_the_nodes_of_its_kinds() -> None:
    groups = [
        NodeGroup(NodeCapacity("gpu", 4, 1), 3),
        NodeGroup(NodeCapacity("other", 0, drivers=8), 1),
    ]
    most = Resources(tuple(SMALL), tuple(groups)).grown(at_most=99)
    assert [node.name for node in most.each] == ["gpu", "gpu", "gpu", "other"]
    # More than its limit may be there already.
    for limit, number in ((10**9, 6), (1, 3)):
        kind = NodeGroup(NodeCapacity("gpu", 4, 1), limit)
        assert Resources(tuple(SMALL), (kind,)).grown(at_most=5).nodes == number
