"""Hosts with an address and a cable each: one whose cable is pulled, one whose power goes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cluster.hosts import Host, Network, open_network, reason_to_skip
from fault_toys import FLAGS, PACE, PATIENCE, Facts, Scene, check_nothing_lost, time_lost

pytest_plugins = ("mlflow_toys",)
REASON = reason_to_skip()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
    pytest.mark.timeout(3000),
]
ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SWEEP = "2 trials, 1 encoder on hosts of their own"
PORT = 6379
SLOW = 20 * PACE
ENVIRONMENT = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "OMP_NUM_THREADS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "COLUMNS": "150",
    # A host that is out of reach is given up after 10 s rather than 25.
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "5",
}


class Stage:
    """A network whose first host is the head of a Ray cluster, and a sweep on it."""

    def __init__(self, network: Network, scene: Scene) -> None:
        self.network, self.scene = network, scene
        self.head = network.hosts[0]
        self.environment = ENVIRONMENT | scene.environment
        self._ray(self.head, f"--head --port {PORT} --num-cpus 0 --include-dashboard=false")

    def _ray(self, host: Host, options: str) -> None:
        # Its daemons keep whatever output they were given.
        command = f"{BIN}/ray start --node-ip-address {host.address} {options}"
        host.run(
            f"{command} --disable-usage-stats > /tmp/ray-start.log 2>&1 < /dev/null "
            "|| (cat /tmp/ray-start.log; exit 1)",
            env=self.environment,
            timeout=PATIENCE,
        )

    def join(self, host: Host) -> Host:
        """Make a host a worker of the cluster."""
        self._ray(host, f"--address {self.head.address}:{PORT} --num-cpus 2")
        return host

    def run(self, disturb: Callable[[Callable[[str], None]], None]) -> None:
        """Run the sweep; `disturb` is given how to wait for the state of a stage."""
        flags = [*FLAGS, "--address", f"{self.head.address}:{PORT}"]
        flags += ["--storage", self.scene.root, "--tracking-uri", self.scene.uri]
        flags += ["--data", str(self.scene.folder / "toy.csv")]
        begun = time.monotonic()
        process = self.head.start(
            f"cd {ROOT} && {sys.executable} sweeps/tokenizer_grid.py {' '.join(flags)}",
            env=self.environment,
        )

        def wait_for(kind: str) -> None:
            self.scene.wait_for(process, lambda: self.scene.state_of(kind), f"state of {kind}")

        disturb(wait_for)
        self.scene.finish(process)
        self.scene.seconds = time.monotonic() - begun


@pytest.fixture
def stage(empty_store: Path) -> Iterator[Stage]:
    with open_network(2) as network:
        # Where all hosts see it, as they see a file server.
        scene = Scene.make(network.folder / "shared", empty_store)
        stage = Stage(network, scene)
        stage.join(network.hosts[1])
        yield stage


def test_a_worker_is_cut_off_given_up_and_back(
    undisturbed: tuple[Scene, Facts], stage: Stage, add_row
) -> None:
    whole, facts = undisturbed
    scene, cut_off = stage.scene, stage.network.hosts[1]
    before: dict = {}

    def disturb(wait_for: Callable[[str], None]) -> None:
        wait_for("trials")
        before.update(scene.published())
        # Slow enough for the head to give the host up before it has ended its trials.
        scene.write_faults([], pace=SLOW)
        cut_off.link(up=False)
        stage.join(stage.network.boot("host-3"))
        time.sleep(15)
        scene.write_faults([])
        cut_off.link(up=True)

    stage.run(disturb)
    outcome = check_nothing_lost(scene, facts, before=before)
    add_row(
        "network between head and worker down, then up", SWEEP, outcome, time_lost(scene, whole)
    )


def test_a_host_loses_power_and_comes_back(
    undisturbed: tuple[Scene, Facts], stage: Stage, add_row
) -> None:
    whole, facts = undisturbed
    scene = stage.scene
    before: dict = {}

    def disturb(wait_for: Callable[[str], None]) -> None:
        wait_for("trials")
        before.update(scene.published())
        stage.network.hosts[1].kill()
        stage.join(stage.network.boot("host-2"))

    stage.run(disturb)
    outcome = check_nothing_lost(scene, facts, before=before)
    add_row(
        "host loses power (init killed), boots and rejoins",
        SWEEP,
        outcome,
        time_lost(scene, whole),
    )
