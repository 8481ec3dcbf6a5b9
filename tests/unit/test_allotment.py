"""Allotment: what fits runs, what never could is refused."""

from __future__ import annotations

import pytest
from dnasweep.errors import InputError
from dnasweep.runtime.cluster.allotment import LOOK_S, Capacity, allot
from dnasweep.runtime.cluster.placement import NodeCapacity, NodeGroup, Resources


def cluster(*nodes: NodeCapacity) -> Resources:
    return Resources(nodes)


def machine(cpus: float, gpus: float = 0, drivers: float = 0) -> Resources:
    return cluster(NodeCapacity("machine", cpus, gpus, drivers))


def test_one_thread_a_trial_and_as_many_trials_as_cpus() -> None:
    given = allot(machine(2), num_trials=12)
    assert (given.concurrent, given.cpus_per_worker, given.gpus_per_worker) == (2, 1, 0)


def test_few_trials_share_all_cpus() -> None:
    given = allot(machine(8), num_trials=2)
    assert (given.concurrent, given.cpus_per_worker) == (2, 4)


def test_gpus_are_used_without_a_flag() -> None:
    given = allot(machine(16, 4), num_trials=12)
    assert (given.concurrent, given.gpus_per_worker) == (4, 1.0)
    halves = allot(machine(16, 4), num_trials=12, gpus_per_worker=0.5)
    assert halves.concurrent == 8


def test_worker_groups_do_not_starve_each_other() -> None:
    given = allot(machine(2, drivers=8), num_trials=12, workers=2, batch_parts=2)
    assert (given.concurrent, given.workers) == (1, 2)
    assert dict(given.driver) == {"train_driver": 1.0}


def test_a_driver_without_a_place_of_its_own_is_counted() -> None:
    given = allot(machine(5), num_trials=12, workers=2, cpus_per_worker=1, batch_parts=2)
    assert dict(given.driver) == {"CPU": 0.01}
    assert given.concurrent == 2
    # Two workers and a sliver do not fit two CPUs: they would wait for ever.
    with pytest.raises(InputError, match="could never start"):
        allot(machine(2), num_trials=12, workers=2, batch_parts=2)


def test_a_worker_asks_for_no_more_than_one_node_has() -> None:
    small = NodeCapacity("a", 3), NodeCapacity("b", 3)
    assert allot(cluster(*small), num_trials=1).cpus_per_worker == 3
    given = allot(cluster(*small), num_trials=1, workers=2, batch_parts=2)
    assert (given.cpus_per_worker, given.concurrent) == (2, 1)
    # A large head without a GPU makes no worker with a GPU larger.
    given = allot(
        cluster(NodeCapacity("head", 8), NodeCapacity("a", 4, 1), NodeCapacity("b", 4, 1)),
        num_trials=2,
    )
    assert (given.cpus_per_worker, given.concurrent) == (4, 2)


HEAD = NodeCapacity("head", 0, drivers=12)
GPU = NodeCapacity("gpu", 4, 1)
EIGHT = (NodeGroup(GPU, 8),)


@pytest.mark.parametrize("there", [0, 1, 8])
def test_machines_that_are_still_to_start_count(there: int) -> None:
    resources = Resources((HEAD, *[GPU] * there), EIGHT)
    given = allot(resources, num_trials=100)
    assert (given.concurrent, given.gpus_per_worker, given.cpus_per_worker) == (8, 1, 4)
    assert given.fitting(resources) == there
    groups = allot(resources, num_trials=100, workers=3, batch_parts=4)
    assert (groups.concurrent, groups.cpus_per_worker) == (2, 4)
    assert dict(groups.driver) == {"train_driver": 1.0}
    assert allot(resources, num_trials=2).concurrent == 2
    with pytest.raises(
        InputError, match=r"now; machines that come with the work: up to 8 of 4 CPU"
    ):
        allot(resources, num_trials=2, workers=9, batch_parts=16)


def test_what_there_is_and_may_be_in_words() -> None:
    assert str(cluster(NodeCapacity("a", 4, 1), NodeCapacity("b", 2))) == "2 nodes, 6 CPU, 1 GPU"
    kinds = (*EIGHT, NodeGroup(NodeCapacity("big", 64), 10**9))
    assert str(Resources((HEAD,), kinds)) == (
        "1 node, 0 CPU, no GPU now; machines that come with the work: up to 8 of 4 CPU, 1 GPU, "
        "up to any number of 64 CPU, no GPU"
    )


def test_an_elastic_trial_runs_with_what_there_is() -> None:
    given = allot(cluster(HEAD, GPU), num_trials=9, workers=4, min_workers=1, batch_parts=4)
    assert (given.workers, given.min_workers, given.concurrent) == (4, 1, 1)
    five = cluster(HEAD, *[GPU] * 5)
    assert given.fitting(five) == 1, "a second one would get a single worker"
    assert given.fitting(cluster(HEAD, *[GPU] * 8)) == 2
    assert given.fitting(cluster(HEAD)) == 0
    with pytest.raises(InputError, match=r"2 x 1 CPU and 2 x 1 GPU"):
        allot(
            cluster(HEAD, GPU),
            num_trials=9,
            workers=4,
            min_workers=2,
            cpus_per_worker=1,
            batch_parts=4,
        )


def test_room_follows_machines_that_come_and_go() -> None:
    now, there = 0.0, [NodeCapacity("a", 2)]
    resources = cluster(*there)
    room = Capacity(
        allot(resources, num_trials=5), lambda: cluster(*there), num_trials=5, clock=lambda: now
    )
    assert room() == 2
    there.append(NodeCapacity("b", 2))
    assert room() == 2, "not asked again at once"
    now = LOOK_S
    assert room() == 4
    there.append(NodeCapacity("c", 8))
    now = 2 * LOOK_S
    assert room() == 5, "no more than there are trials"
    there.clear()
    now = 3 * LOOK_S
    assert room() == 0


@pytest.mark.parametrize("cpus", [4, 6])
def test_what_fits_no_node_could_never_start(cpus: int) -> None:
    with pytest.raises(InputError, match="could never start"):
        allot(
            cluster(NodeCapacity("a", 3), NodeCapacity("b", 3)), num_trials=1, cpus_per_worker=cpus
        )


@pytest.mark.parametrize(
    ("resources", "how"),
    [
        (machine(2), {"workers": 4, "batch_parts": 4}),
        (machine(2), {"cpus_per_worker": 3}),
        (machine(2), {"gpus_per_worker": 1.0}),
        (cluster(*[NodeCapacity("one of 8", 8, 1)] * 8), {"workers": 4, "batch_parts": 2}),
        (machine(2), {"workers": 0}),
    ],
)
def test_what_could_never_start_is_refused(resources: Resources, how: dict) -> None:
    with pytest.raises(InputError):
        allot(resources, num_trials=4, **how)
