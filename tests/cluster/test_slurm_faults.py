"""`clusters/slurm.sh` where something fails, or is shared, on a real SLURM: `make rehearsal-slurm`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import pandas as pd
import pytest
from cluster.hosts import reason_to_skip
from cluster.machine import ROOT
from cluster.slurm_hosts import Slurm, open_slurm, reason_to_skip_slurm
from cluster.slurm_jobs import MEET, SCRIPT, SHAPE, metrics, prepare, sweep

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


def test_two_jobs_on_the_same_nodes_have_a_cluster_each(slurm: Slurm) -> None:
    jobs = [
        slurm.submit(f"--nodes=3 --cpus-per-task=1 --mem=1900 --time=10 {SCRIPT} {MEET}")
        for _ in range(2)
    ]
    for job in jobs:
        assert slurm.wait(job, timeout=600) == "COMPLETED", slurm.log(job)
        assert "Ray has 3 nodes" in slurm.log(job)
        assert "NodeList=node-[1-3]" in slurm.on_login(f"scontrol -o show job {job}")
    assert slurm.left() == []


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("DNASWEEP_SCRATCH=/proc/nowhere", "node-1: no folder can be made in /proc/nowhere"),
        ("DNASWEEP_JOIN_S=1", "Ray did not answer on node-1 within 1 s (DNASWEEP_JOIN_S)"),
    ],
)
def test_a_head_that_does_not_start_fails_the_job(slurm: Slurm, setting: str, reason: str) -> None:
    export = f"--export=ALL,DNASWEEP_VENV={sys.prefix},{setting}"
    job = slurm.submit(
        f"--nodes=2 --nodelist=node-1,node-2 {SHAPE} --time=5 {export} {ROOT}/clusters/slurm.sh python -V"
    )
    assert slurm.wait(job, timeout=200) == "FAILED", slurm.log(job)
    assert reason in slurm.log(job)
    deadline = time.monotonic() + 60
    while left := slurm.left():
        assert time.monotonic() < deadline, left
        time.sleep(1)


# The last: of the three nodes, two are left.
def test_a_job_whose_node_loses_power_goes_on_elsewhere(slurm: Slurm) -> None:
    longer = "--seeds 0 1 --finetune-epochs 200 --evaluations 20 --workers-per-trial 1"
    whole = slurm.submit(f"--nodes=1 {SHAPE} --time=30 {SCRIPT} {sweep('whole', longer)}")
    assert slurm.wait(whole, timeout=1200) == "COMPLETED", slurm.log(whole)
    job = slurm.submit(
        f"--nodes=2 --exclude=node-1 {SHAPE} --time=30 {SCRIPT} {sweep('cut', longer)}"
    )
    deadline = time.monotonic() + 300
    while "all nodes are there: 2" not in slurm.log(job):
        assert time.monotonic() < deadline, slurm.log(job)
        time.sleep(1)
    time.sleep(15)
    slurm.nodes[2].kill()
    # SLURM finds out after SlurmdTimeout, and queues the job again; it may have any two nodes now.
    assert slurm.wait(job, timeout=200, until=("PENDING",)) == "PENDING", slurm.log(job)
    slurm.on_login(f"scontrol update jobid={job} ExcNodeList= NumNodes=2")
    assert slurm.wait(job, timeout=1500) == "COMPLETED", slurm.log(job)
    assert "start 2" in slurm.log(job)
    pd.testing.assert_frame_equal(
        metrics(slurm.project / "cut"), metrics(slurm.project / "whole"), check_exact=True
    )
    slurm.nodes.pop()
    assert slurm.left() == []
