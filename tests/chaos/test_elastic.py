"""Work on machines that join it, and goes on without those that leave."""

from __future__ import annotations

import json
import os
from pathlib import Path

import psutil
import pytest
import ray
import shard_toys
from dnasweep.jobs.shards.store import Shards
from dnasweep.jobs.shards.worker import ShardJobSpec
from dnasweep.runtime.cluster.autoscaler import machine_kinds
from dnasweep.runtime.cluster.session import look_around
from dnasweep.runtime.shards.actor import make_status_actor
from dnasweep.runtime.shards.pool import allot_pool, compute_shards
from dnasweep.storage import Storage
from raylets import machines, results, wait_for, working
from sweep_processes import kill_all, start
from toy_data import write_toy_table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

GRID = (
    "--split random --tokenizers kmer-3 --species-sets none --learning-rates 1e-3 2e-3 3e-3 5e-3 "
    "1e-2 2e-2 --seeds 0 --preset 2x64x2 --evaluations 12 --no-preflight --finetune-epochs"
).split()
ENCODER = (
    "--split random --tokenizers kmer-3 --species-sets all --preset 2x64x2 --pretrain-epochs 300 "
    "--evaluations 12 --no-preflight"
).split()
TRIAL = "ImplicitFunc"
WORKER = "RayTrainWorker"


def finish(process, *, seconds: float = 900) -> str:
    output, _ = process.communicate(timeout=seconds)
    assert process.returncode == 0, output
    return output


def test_a_sweep_uses_a_machine_that_joins_and_outlives_one_that_leaves(tmp_path: Path) -> None:
    table = write_toy_table(tmp_path / "toy.csv")
    grid = [*GRID, "120"]
    finish(start(tmp_path / "whole", table, flags=grid))
    with machines() as cluster:
        first = cluster.add()
        flags = [*grid, "--address", cluster.address]
        process = start(tmp_path / "runs", table, flags=flags)
        try:
            goes_on = lambda: process.poll() is None  # noqa: E731
            wait_for(lambda: working(first, TRIAL), seconds=600, alive=goes_on)
            second = cluster.add()
            wait_for(lambda: working(second, TRIAL), seconds=300, alive=goes_on)
            assert working(first, TRIAL), "both work"
            cluster.kill(first)
            output = finish(process)
        finally:
            if process.poll() is None:
                kill_all(process)
    assert "failed" not in output
    assert len(results(tmp_path / "runs", "trials")) == 6
    assert results(tmp_path / "runs", "trials") == results(tmp_path / "whole", "trials")


def test_pretraining_goes_on_with_fewer_workers(tmp_path: Path) -> None:
    table = write_toy_table(tmp_path / "toy.csv")
    runs = {"script": "jobs/pretrain.py"}
    finish(start(tmp_path / "whole", table, flags=[*ENCODER, "--workers-per-trial", "2"], **runs))
    with machines() as cluster:
        pair = [cluster.add(), cluster.add()]
        flags = [*ENCODER, "--address", cluster.address, "--workers-per-trial", "1..2"]
        process = start(tmp_path / "runs", table, flags=flags, **runs)
        try:
            goes_on = lambda: process.poll() is None  # noqa: E731
            wait_for(lambda: all(working(one, WORKER) for one in pair), seconds=600, alive=goes_on)
            wait_for(
                lambda: any((tmp_path / "runs" / "work" / "encoders").rglob("*step-*")),
                seconds=300,
                alive=goes_on,
            )
            cluster.kill(pair[1])
            finish(process)
        finally:
            if process.poll() is None:
                kill_all(process)
    whole, elastic = (results(tmp_path / name, "encoders") for name in ("whole", "runs"))
    assert elastic.keys() == whole.keys()
    (key,) = whole
    for a, b in zip(whole[key], elastic[key], strict=True):
        assert b == pytest.approx(a, abs=1e-4)


def raylet_of(mark: Path) -> int:
    """Process of the machine whose actor has left a mark."""
    return psutil.Process(int(mark.name.split("-")[1])).ppid()


def test_shards_go_to_a_machine_that_joins_and_outlive_one_that_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toys = Path(shard_toys.__file__).parent
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(toys), os.environ.get("PYTHONPATH", "")])
    )
    marks = tmp_path / "marks"
    marks.mkdir()
    rows = shard_toys.numbers(400)
    job = Shards.begin(
        Storage(tmp_path / "runs"), kind="squares", inputs={}, rows=rows, shard_size=8
    )
    spec = ShardJobSpec(
        storage=job.storage.root,
        kind=job.kind,
        key=job.key,
        worker="shard_toys:Squares",
        arguments={"marks": str(marks), "seconds": 1.0},
    )
    with machines() as cluster:
        first = cluster.add()
        ray.init(address=cluster.address, log_to_driver=False)
        pool = allot_pool(look_around(()), num_shards=len(job))
        assert pool.num_actors == 1
        seen: set[int] = set()
        second = None
        missing = [(0, shard) for shard in job.missing()]
        for number, _ in enumerate(
            compute_shards([spec], pool, missing, status=make_status_actor())
        ):
            for mark in marks.glob("*-*"):
                if psutil.pid_exists(int(mark.name.split("-")[1])):
                    seen.add(raylet_of(mark))
            # Nobody's child, once its machine is gone.
            seen.discard(1)
            if number == 2:
                second = cluster.add()
            if second and first is not None and len(seen) == 2:
                cluster.kill(first)
                first = None
        assert len(seen) == 2, "the second machine has computed"
        assert first is None
    assert not job.missing()


def test_a_sweep_begins_before_there_is_a_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_FAKE_CLUSTER", "1")
    monkeypatch.setenv("RAY_enable_autoscaler_v2", "0")
    monkeypatch.setenv("AUTOSCALER_UPDATE_INTERVAL_S", "1")
    port = 26379
    file = tmp_path / "cluster.json"
    config = {
        "cluster_name": "fake",
        "max_workers": 2,
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": 5,
        "provider": {
            "type": "fake_multinode",
            "gcs_address": f"{ray.util.get_node_ip_address()}:{port}",
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
        },
        "auth": {},
        "head_node_type": "ray.head.default",
        "available_node_types": {
            "ray.head.default": {
                "resources": {"CPU": 0, "train_driver": 8},
                "node_config": {},
                "max_workers": 0,
            },
            "small": {"resources": {"CPU": 1}, "node_config": {}, "max_workers": 2},
        },
        **{name: {} for name in ("file_mounts", "docker")},
        **{
            name: []
            for name in (
                "cluster_synced_files",
                "initialization_commands",
                "setup_commands",
                "head_setup_commands",
                "worker_setup_commands",
                "head_start_ray_commands",
                "worker_start_ray_commands",
                "rsync_exclude",
                "rsync_filter",
            )
        },
        "file_mounts_sync_continuously": False,
    }
    file.write_text(json.dumps(config))
    table = write_toy_table(tmp_path / "toy.csv")
    with machines(autoscaling_config=str(file), gcs_server_port=port) as cluster:
        ray.init(address=cluster.address)
        (kind,) = machine_kinds()
        ray.shutdown()
        assert (kind.node.cpus, kind.most) == (1, 2)
        monitor = [
            process
            for process in psutil.process_iter()
            if f"--autoscaling-config={file}" in _command(process)
        ]
        flags = [*GRID, "20", "--address", cluster.address]
        process = start(tmp_path / "runs", table, flags=flags)
        try:
            output = finish(process)
        finally:
            if process.poll() is None:
                kill_all(process)
            # The machines are the monitor's, and nobody else would end them.
            for one in monitor:
                for child in one.children(recursive=True):
                    child.kill()
    assert (
        "1 node, 0 CPU, no GPU now; machines that come with the work: up to 2 of 1 CPU" in output
    )
    assert "no machine for a trial is available yet" in output
    assert len(results(tmp_path / "runs", "trials")) == 6


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
