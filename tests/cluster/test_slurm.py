"""`clusters/slurm.sh` on a real SLURM of three nodes, as docs/how_to/slurm.md tells it: `make rehearsal-slurm`."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator

import pandas as pd
import pytest
from cluster.hosts import reason_to_skip
from cluster.machine import ROOT
from cluster.slurm_hosts import Slurm, open_slurm, reason_to_skip_slurm
from cluster.slurm_jobs import LOOK, SCRIPT, SHAPE, explain, metrics, prepare, sweep

REASON = reason_to_skip() or reason_to_skip_slurm()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(60 * 60),
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
]


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    with open_slurm(3) as found:
        prepare(found.project)
        yield found


def test_a_sweep_runs_on_all_nodes_within_what_is_granted(slurm: Slurm) -> None:
    spread = "--workers-per-trial 2 --cpus-per-worker 2 --seeds 0"
    job = slurm.submit(f"--nodes=3 {SHAPE} --time=20 {SCRIPT} {sweep('spread', spread)}")
    assert slurm.wait(job, timeout=900) == "COMPLETED", slurm.log(job)
    said = slurm.log(job)
    for node in slurm.nodes:
        assert f"{node.name} at {node.address}: 2 CPUs, 0 GPUs, 3000 MB" in said
    assert "Ray: 3 nodes, 6 CPU" in said
    assert len(metrics(slurm.project / "spread")) == 1
    assert slurm.left() == []
    assert not list(slurm.project.glob(".dnasweep-slurm-*")), "the token is gone"
    for node in slurm.nodes:
        assert not list(node.path("/tmp").glob("ray-*"))


def test_attributions_are_computed_on_all_nodes(slurm: Slurm) -> None:
    tables = []
    for nodes in (3, 1):
        job = slurm.submit(
            f"--nodes={nodes} --cpus-per-task=1 --mem=1900 --time=20 {SCRIPT} {explain(f'why-{nodes}')}"
        )
        assert slurm.wait(job, timeout=900) == "COMPLETED", slurm.log(job)
        assert f"{nodes} actor" in slurm.log(job)
        found = slurm.project.glob(f"why-{nodes}/attributions/*/shards/*/*.parquet")
        tables.append({(path.parent.name, path.name): pd.read_parquet(path) for path in found})
    assert len({shard for shard, _ in tables[0]}) == 12
    assert tables[0].keys() == tables[1].keys()
    for name, table in tables[0].items():
        pd.testing.assert_frame_equal(table, tables[1][name], rtol=1e-5)
    assert slurm.left() == []


def test_an_error_of_the_command_is_the_job_s(slurm: Slurm) -> None:
    wrong = sweep("wrong").replace("toy.csv", "missing.csv")
    job = slurm.submit(f"--nodes=1 {SHAPE} --time=10 {SCRIPT} {wrong}")
    assert slurm.wait(job, timeout=300) == "FAILED"
    assert "missing.csv" in slurm.log(job)
    assert "ExitCode=2:0" in slurm.on_login(f"scontrol -o show job {job}")
    assert slurm.left() == []


def test_two_tasks_of_an_array_on_one_node_share_the_trials_of_a_sweep(slurm: Slurm) -> None:
    what = sweep("shared", "--seeds 0 1 2 3 --finetune-epochs 100")
    job = slurm.submit(
        "--array=1-2 --nodes=1 --nodelist=node-1 --cpus-per-task=1 --mem=1900 --time=20"
        f" {SCRIPT} {what}"
    )
    tasks = [job, str(int(job) + 1)]
    for task in tasks:
        assert slurm.wait(task, timeout=900) == "COMPLETED", slurm.log(task)
    # Both report every trial, in the order in which they came to it; seconds are of who trained it.
    ended = [re.findall(r"(\d)/4 kmer-3 none lr=0.01 seed=(\d)", slurm.log(t)) for t in tasks]
    assert {seed for _, seed in ended[0]} == {seed for _, seed in ended[1]} == set("0123")
    assert {one[0][1] for one in ended} == {"0", "2"}, "each begins at another"
    assert int(metrics(slurm.project / "shared")["num_seeds"].iloc[0]) == 4
    assert slurm.left() == []


def test_a_job_that_runs_out_of_time_goes_on_and_ends_as_if_undisturbed(slurm: Slurm) -> None:
    longer = "--seeds 0 1 --finetune-epochs 400 --evaluations 20"
    whole = slurm.submit(f"--nodes=1 {SHAPE} --time=30 {SCRIPT} {sweep('whole', longer)}")
    assert slurm.wait(whole, timeout=1500) == "COMPLETED", slurm.log(whole)
    # SLURM sends the signal up to half a minute early.
    short = "--time=2 --signal=B:USR1@40"
    cut = slurm.submit(f"--nodes=1 {SHAPE} {short} {SCRIPT} {sweep('cut', longer)}")
    assert slurm.wait(cut, timeout=2400) == "COMPLETED", slurm.log(cut)
    said = slurm.log(cut)
    assert said.count("the time is nearly up: keeping the states") >= 1, (
        "the limit was never reached"
    )
    assert re.search(r"start [2-9]", said)
    pd.testing.assert_frame_equal(
        metrics(slurm.project / "cut"), metrics(slurm.project / "whole"), check_exact=True
    )
    assert slurm.left() == []


def test_scancel_leaves_nothing(slurm: Slurm) -> None:
    longer = "--seeds 0 1 --finetune-epochs 2000"
    job = slurm.submit(f"--nodes=3 {SHAPE} --time=20 {SCRIPT} {sweep('cancelled', longer)}")
    deadline = time.monotonic() + 300
    while "all nodes are there: 3" not in slurm.log(job):
        assert time.monotonic() < deadline, slurm.log(job)
        time.sleep(1)
    time.sleep(10)
    slurm.on_login(f"scancel {job}")
    assert slurm.wait(job, timeout=120) == "CANCELLED"
    deadline = time.monotonic() + 60
    while left := slurm.left():
        assert time.monotonic() < deadline, left
        time.sleep(1)


def test_a_node_that_cannot_take_part_is_named(slurm: Slurm) -> None:
    # A folder that only the first node has.
    first, second = slurm.nodes[:2]
    first.run("mkdir -p /opt/alone", timeout=30)
    job = slurm.submit(
        f"--nodes=2 --nodelist={first.name},{second.name} {SHAPE} --time=10 --chdir=/opt/alone"
        f" --output={slurm.project}/%j.log {SCRIPT} python -V"
    )
    assert slurm.wait(job, timeout=300) == "FAILED"
    said = slurm.log(job)
    assert (
        f"{second.name}: the folder /opt/alone is not there: submit in a folder that all" in said
    )
    assert "a node did not join: its name and reason stand above" in said
    assert slurm.left() == []


def test_the_command_submits_a_job(slurm: Slurm) -> None:
    asked = "--nodes 2 --cpus 2 --memory 3000M --time 10 --sbatch=--output=%j.log"
    said = slurm.on_login(f"{sys.executable} -m dnasweep slurm --submit {asked} doctor")
    job = said.split()[-1]
    assert said.startswith("Submitted batch job"), said
    assert slurm.wait(job, timeout=300) == "COMPLETED", slurm.log(job)
    assert "python -m dnasweep doctor" in slurm.log(job)
    assert "2 nodes" in slurm.log(job)
    assert slurm.left() == []


def test_ray_is_told_of_the_gpus_that_are_granted(slurm: Slurm) -> None:
    for gpus in (0, 1):
        asked = f"--gpus-per-node={gpus}" if gpus else ""
        job = slurm.submit(f"--nodes=1 {SHAPE} --time=5 {asked} {SCRIPT} {LOOK}")
        assert slurm.wait(job, timeout=200) == "COMPLETED", slurm.log(job)
        assert f"2 CPUs, {gpus} GPUs" in slurm.log(job)
        assert f"Ray has {gpus} GPUs" in slurm.log(job)
    assert slurm.left() == []


def test_ray_is_told_of_the_memory_of_the_job_s_cgroup(slurm: Slurm) -> None:
    # Nothing in the environment tells the default of the cluster.
    text = (ROOT / "clusters/slurm.sh").read_text().replace("SLURM_MEM_PER", "NOT_KNOWN")
    (slurm.project / "blind.sh").write_text(text)
    export = f"--export=ALL,DNASWEEP_VENV={sys.prefix}"
    job = slurm.submit(f"--nodes=1 --cpus-per-task=2 --time=5 {export} blind.sh {LOOK}")
    assert slurm.wait(job, timeout=200) == "COMPLETED", slurm.log(job)
    assert "2 CPUs, 0 GPUs, 1200 MB" in slurm.log(job)


def test_a_missing_environment_is_said(slurm: Slurm) -> None:
    export = "--export=ALL,DNASWEEP_VENV=/nowhere,PATH=/usr/bin:/bin"
    job = slurm.submit(f"--nodes=1 {SHAPE} --time=5 {export} {ROOT}/clusters/slurm.sh python -V")
    assert slurm.wait(job, timeout=200) == "FAILED"
    assert "dnasweep is not found by" in slurm.log(job)
    assert "DNASWEEP_VENV" in slurm.log(job)
