"""Machines of a cluster that are lost, or about to be: a raylet each, with all its workers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray._private.worker  # noqa: F401, the cluster below asks for it
from fault_toys import PACE, PATIENCE, Facts, Scene, check_nothing_lost, time_lost
from ray._raylet import GcsClient
from ray.cluster_utils import Cluster
from ray.core.generated.autoscaler_pb2 import DrainNodeReason
from shap_processes import SIZE, finish_job, published, start_job, tables, wait_for_shards
from shap_toys import write_model, write_sequences

pytest_plugins = ("mlflow_toys",)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]
SWEEP = "2 trials, 1 encoder"
CPUS = 2
STARTS = 3
NUM = 48
"""Sequences of the batch job."""


class Machines:
    """A head without CPUs of its own, and machines that come and go."""

    def __init__(self) -> None:
        self.cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
        )
        self.address = self.cluster.address

    def add(self) -> Any:
        for _ in range(STARTS - 1):
            try:
                return self.cluster.add_node(num_cpus=CPUS)
            except Exception as error:
                # Ray gives it half a minute, which a busy machine may not have.
                if "timed out during startup" not in str(error):
                    raise
        return self.cluster.add_node(num_cpus=CPUS)

    def kill(self, node: Any) -> None:
        self.cluster.remove_node(node, allow_graceful=False)

    def give_notice(self, node: Any, seconds: float) -> None:
        """Say that a machine will be gone in some seconds, as the agent of a cloud does."""
        accepted, why = GcsClient(address=self.address).drain_node(
            node.node_id,
            DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION"),
            "the cloud takes it back",
            int((time.time() + seconds) * 1000),
        )
        assert accepted, why


@pytest.fixture
def scene(make_scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """The scene, whose faults every process of the cluster meets."""
    made = make_scene()
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def machines(scene: Scene) -> Iterator[Machines]:
    found = Machines()
    yield found
    found.cluster.shutdown()


@pytest.mark.parametrize("kind", ["encoders", "trials"])
def test_a_host_is_lost(
    undisturbed: tuple[Scene, Facts], scene: Scene, machines: Machines, add_row, kind: str
) -> None:
    whole, facts = undisturbed
    first = machines.add()
    begun = time.monotonic()
    process = scene.start("--address", machines.address)
    scene.wait_for(process, lambda: scene.state_of(kind), "state")
    before = scene.published()
    machines.kill(first)
    machines.add()
    scene.finish(process)
    scene.seconds = time.monotonic() - begun
    outcome = check_nothing_lost(scene, facts, before=before)
    stage = {"encoders": "pretraining", "trials": "fine-tuning"}[kind]
    add_row(f"host killed in {stage}, another joins", SWEEP, outcome, time_lost(scene, whole))


def steps_of_states(scene: Scene) -> set[int]:
    return {int(Path(name).name.removeprefix("step-")) for name in scene.state_of("trials")}


def test_a_state_is_kept_when_a_machine_is_about_to_go(
    undisturbed: tuple[Scene, Facts], scene: Scene, machines: Machines, add_row
) -> None:
    whole, facts = undisturbed
    first = machines.add()
    begun = time.monotonic()
    process = scene.start("--address", machines.address)
    scene.wait_for(process, lambda: steps_of_states(scene) >= {16}, "evaluated trial")
    # The next state by itself is an evaluation away.
    scene.write_faults([], pace=20 * PACE)
    machines.give_notice(first, 60)
    scene.wait_for(process, lambda: steps_of_states(scene) - {16, 32, 48}, "state on notice")
    kept = max(steps_of_states(scene) - {16, 32, 48})
    assert kept > 16
    before = scene.published()
    machines.kill(first)
    scene.write_faults([])
    machines.add()
    scene.finish(process)
    scene.seconds = time.monotonic() - begun
    outcome = check_nothing_lost(scene, facts, before=before)
    add_row(
        "spot notice (drain with deadline), then host gone",
        SWEEP,
        f"state kept at step {kept}, between evaluations; {outcome}",
        time_lost(scene, whole),
    )


def test_a_host_is_lost_in_a_batch_job(tmp_path: Path, machines: Machines, add_row) -> None:
    write_sequences(tmp_path / "toy.csv", NUM)
    inputs = write_model(tmp_path / "model"), tmp_path / "toy.csv"
    (tmp_path / "whole").mkdir()
    begun = time.monotonic()
    finish_job(start_job(tmp_path / "whole", inputs))
    undisturbed = time.monotonic() - begun
    first, storage = machines.add(), tmp_path / "runs"
    storage.mkdir()
    begun = time.monotonic()
    process = start_job(storage, inputs, "--address", machines.address, "--no-preflight")
    wait_for_shards(process, storage, 2)
    before = published(storage)
    machines.kill(first)
    machines.add()
    output, _ = process.communicate(timeout=PATIENCE)
    seconds = time.monotonic() - begun
    assert process.returncode == 0, output
    after = published(storage)
    assert {name: after[name] for name in before} == before, "a finished shard was made again"
    assert tables(storage) == tables(tmp_path / "whole")
    assert len(tables(storage)) == 2 * NUM // SIZE
    add_row(
        "host killed in a batch job, another joins",
        f"{NUM // SIZE} shards of attributions",
        "bytes equal, 0 shards computed again, 0 parts twice",
        f"{seconds - undisturbed:+.0f} s",
    )
