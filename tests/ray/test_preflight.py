"""A preflight over two real nodes: everybody reports, reads another's probe, and is not waited for
for ever."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest
import ray
from dnasweep.errors import InputError
from dnasweep.runtime.cluster.autoscaler import machine_kinds
from dnasweep.runtime.cluster.placement import Demand, NodeCapacity, NodeGroup
from dnasweep.runtime.cluster.session import living_nodes
from dnasweep.runtime.preflight.checks import run_checks
from dnasweep.runtime.preflight.health_check import check_health
from dnasweep.runtime.preflight.preflight import Requirements, checked_session
from dnasweep.storage import Storage
from preflight_toys import problems
from rich.console import Console

pytestmark = pytest.mark.slow  # Two nodes take their time to start.


class Pair(NamedTuple):
    """Two nodes of one CPU each, the second of which has a GPU, as far as Ray knows."""

    address: str
    second: str
    """NodeID of the second."""
    raylet: int
    """Process of the second."""


@pytest.fixture(scope="module")
def nodes() -> Iterator[Pair]:
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "num_gpus": 0, "include_dashboard": False},
    )
    second = cluster.add_node(num_cpus=1, num_gpus=1)
    raylet = second.all_processes["raylet"][0].process.pid
    yield Pair(cluster.address, second.node_id, raylet)
    ray.shutdown()
    cluster.shutdown()


def terms(storage: Storage, **asked: object) -> Requirements:
    return Requirements(storage=storage, **asked)  # type: ignore[arg-type]


def test_two_nodes(nodes: Pair, tmp_path: Path) -> None:
    storage, said = Storage(tmp_path), StringIO()
    console = Console(file=said, width=200)
    with checked_session(nodes.address, terms(storage), console) as resources:
        assert (resources.nodes, len(resources.each), resources.gpus) == (2, 2, 1)
        # One line, and one for the token that tests do without.
        assert "preflight: 8 checks passed on 2 nodes, 1 with a warning" in said.getvalue()
        assert len(said.getvalue().splitlines()) == 2

        found = check_health(storage, None, Demand(workers=3))
        assert problems(run_checks(found)) == {"tokens": "warn", "request": "fail"}
        names = {node.name for node in living_nodes().values()}
        assert {report.name for report in found.reports} == names
        assert len(names) == 2
        # A ring with this process: everybody reads, and everybody is read.
        everybody = names | {"this process"}
        assert {reading.reader for reading in found.readings} == everybody
        assert {reading.writer for reading in found.readings} == everybody
        for reading in found.readings:
            assert abs(reading.offset_s) <= reading.within_s, "it is the same clock"
        assert not list(tmp_path.glob("preflight/*"))

        assert machine_kinds() == ()
        _let_an_autoscaler_start(4)
        assert machine_kinds() == (NodeGroup(NodeCapacity("gpu", 1.0, 1.0), 4),)
        _let_an_autoscaler_start(0)

        os.kill(nodes.raylet, signal.SIGSTOP)
        try:
            found = check_health(storage, None, Demand(), timeout_s=4)
        finally:
            os.kill(nodes.raylet, signal.SIGCONT)
        name = living_nodes()[nodes.second].name
        assert found.silent[name] == "did not answer within 4 s"
    assert not ray.is_initialized()


def test_work_that_cannot_run_is_refused(nodes: Pair, tmp_path: Path) -> None:
    said = StringIO()
    impossible = terms(Storage(tmp_path), workers=2, gpus_per_worker=1)
    with (
        pytest.raises(InputError, match="not ready: request"),
        checked_session(nodes.address, impossible, Console(file=said, width=200)),
    ):
        pytest.fail("it went on")
    assert "fail  request" in said.getvalue()
    assert "1 GPU is missing" in said.getvalue()


def _let_an_autoscaler_start(most: int) -> None:
    from ray._raylet import (
        GCS_AUTOSCALER_CLUSTER_CONFIG_KEY,
        GCS_AUTOSCALER_STATE_NAMESPACE,
    )
    from ray.core.generated.autoscaler_pb2 import ClusterConfig
    from ray.experimental.internal_kv import _internal_kv_put

    config = ClusterConfig()
    if most:
        group = config.node_group_configs.add(name="gpu", max_count=most)
        group.resources.update({"CPU": 1, "GPU": 1})
    _internal_kv_put(
        GCS_AUTOSCALER_CLUSTER_CONFIG_KEY.encode(),
        config.SerializeToString(),
        namespace=GCS_AUTOSCALER_STATE_NAMESPACE.encode(),
    )
