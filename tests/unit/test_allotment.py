"""Allotment: what fits runs, what never could is refused."""

from __future__ import annotations

import pytest
from dnasweep.cluster.allotment import allot
from dnasweep.cluster.placement import Node
from dnasweep.cluster.session import Resources
from dnasweep.errors import InputError


def test_one_thread_a_trial_and_as_many_trials_as_cpus() -> None:
    given = allot(Resources(2, 0, 1), num_trials=12)
    assert (given.concurrent, given.cpus_per_worker, given.gpus_per_worker) == (2, 1, 0)


def test_few_trials_share_all_cpus() -> None:
    given = allot(Resources(8, 0, 1), num_trials=2)
    assert (given.concurrent, given.cpus_per_worker) == (2, 4)


def test_gpus_are_used_without_a_flag() -> None:
    given = allot(Resources(16, 4, 1), num_trials=12)
    assert (given.concurrent, given.gpus_per_worker) == (4, 1.0)
    halves = allot(Resources(16, 4, 1), num_trials=12, gpus_per_worker=0.5)
    assert halves.concurrent == 8


def test_worker_groups_do_not_starve_each_other() -> None:
    given = allot(Resources(2, 0, 1, drivers=8), num_trials=12, workers=2, batch_parts=2)
    assert (given.concurrent, given.workers) == (1, 2)
    assert dict(given.driver) == {"train_driver": 1.0}


def test_a_driver_without_a_place_of_its_own_is_counted() -> None:
    given = allot(Resources(5, 0, 1), num_trials=12, workers=2, cpus_per_worker=1, batch_parts=2)
    assert dict(given.driver) == {"CPU": 0.01}
    assert given.concurrent == 2
    # Two workers and a sliver do not fit two CPUs: they would wait for ever.
    with pytest.raises(InputError, match="could never start"):
        allot(Resources(2, 0, 1), num_trials=12, workers=2, batch_parts=2)


def cluster(*nodes: Node) -> Resources:
    cpus, gpus = sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)
    return Resources(cpus, gpus, len(nodes), each=nodes)


def test_a_worker_asks_for_no_more_than_one_node_has() -> None:
    small = Node("a", 3), Node("b", 3)
    assert allot(cluster(*small), num_trials=1).cpus_per_worker == 3
    given = allot(cluster(*small), num_trials=1, workers=2, batch_parts=2)
    assert (given.cpus_per_worker, given.concurrent) == (2, 1)
    # A large head without a GPU makes no worker with a GPU larger.
    given = allot(cluster(Node("head", 8), Node("a", 4, 1), Node("b", 4, 1)), num_trials=2)
    assert (given.cpus_per_worker, given.concurrent) == (4, 2)


def test_on_one_node_each_is_all() -> None:
    for trials in (1, 2, 5, 12):
        for node in (Node("a", 8), Node("a", 16, 1), Node("a", 16, 4)):
            alone = Resources(node.cpus, node.gpus, 1)
            assert allot(cluster(node), num_trials=trials) == allot(alone, num_trials=trials)


@pytest.mark.parametrize("cpus", [4, 6])
def test_what_fits_no_node_could_never_start(cpus: int) -> None:
    with pytest.raises(InputError, match="could never start"):
        allot(cluster(Node("a", 3), Node("b", 3)), num_trials=1, cpus_per_worker=cpus)


@pytest.mark.parametrize(
    ("resources", "how"),
    [
        (Resources(2, 0, 1), {"workers": 4, "batch_parts": 4}),
        (Resources(2, 0, 1), {"cpus_per_worker": 3}),
        (Resources(2, 0, 1), {"gpus_per_worker": 1.0}),
        (Resources(64, 8, 8), {"workers": 4, "batch_parts": 2}),
        (Resources(2, 0, 1), {"workers": 0}),
    ],
)
def test_what_could_never_start_is_refused(resources: Resources, how: dict) -> None:
    with pytest.raises(InputError):
        allot(resources, num_trials=4, **how)
