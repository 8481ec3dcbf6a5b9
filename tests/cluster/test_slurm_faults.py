"""`clusters/slurm.sh` where something fails, is cut or is shared, on a real SLURM: `make rehearsal-slurm`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from cluster.hosts import reason_to_skip
from cluster.machine import ROOT
from cluster.slurm_hosts import Slurm, open_slurm, reason_to_skip_slurm
from cluster.slurm_jobs import LONGER, MEET, SCRIPT, SHAPE, SLOWLY, metrics, prepare, sweep

REASON = reason_to_skip() or reason_to_skip_slurm()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(60 * 60),
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
]
NEARLY_UP = "the time is nearly up: keeping the states"


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    with open_slurm(3) as found:
        prepare(found.project)
        yield found


@pytest.fixture(scope="module")
def undisturbed(slurm: Slurm) -> Callable[[], pd.DataFrame]:
    """Start the longer sweep; called, it returns what that ends with."""
    job = slurm.submit(f"--nodes=1 {SHAPE} --time=60 {SCRIPT} {sweep('whole', LONGER)}")

    def ended() -> pd.DataFrame:
        assert slurm.wait(job, timeout=2400) == "COMPLETED", slurm.log(job)
        return metrics(slurm.project / "whole")

    return ended


def kept(storage: Path) -> list[list[dict]]:
    """Return the evaluations of each trial that has any so far, with the seconds that they took."""
    found = [
        json.loads(path.read_text())["progress"]["evaluations"]
        for path in storage.glob("work/trials/*/step-*/state.json")
    ]
    ended = [
        json.loads(path.read_text())["history"] for path in storage.glob("trials/*/outcome.json")
    ]
    return [evaluations for evaluations in found + ended if evaluations]


def assert_gone_on(storage: Path, before: list[list[dict]]) -> None:
    """Check that what was kept was not computed again: the seconds of its evaluations are the same."""
    seconds = [[one["device_seconds"] for one in history] for history in kept(storage)]
    for evaluations in before:
        begin = [one["device_seconds"] for one in evaluations]
        assert any(found[: len(begin)] == begin for found in seconds), (begin, seconds)


def test_two_jobs_on_the_same_nodes_have_a_cluster_each(slurm: Slurm) -> None:
    jobs = [slurm.submit(f"--nodes=3 {SHAPE} --time=60 {SCRIPT} {MEET}") for _ in range(2)]
    for job in jobs:
        assert slurm.wait(job, timeout=900) == "COMPLETED", slurm.log(job)
        assert "Ray has 3 nodes" in slurm.log(job)
        assert "NodeList=node-[1-3]" in slurm.on_login(f"scontrol -o show job {job}")
    slurm.await_nothing_left()


OLD = "printf '#!/bin/sh\\necho 3.9.2\\n' >/opt/python; chmod 755 /opt/python; PATH=/opt:$PATH"
TAKE = (
    "import os, socket, time; address = '', int(os.environ['RAY_ADDRESS'].split(':')[1]);"
    " taken = socket.create_server(address); time.sleep(600)"
)
# Node, what happens there before a step begins, more options of sbatch, and what the job says.
FAULTS = [
    ("node-2", OLD, "", "node-2: Python is 3.9.2 here and"),
    (
        "node-2",
        "unset CUDA_VISIBLE_DEVICES ROCR_VISIBLE_DEVICES",
        "--gpus-per-node=1",
        "node-2: SLURM grants 1 GPUs here and none is visible",
    ),
    (
        "node-2",
        "sleep 600",
        "DNASWEEP_JOIN_S=60",
        "of 2 nodes these did not join within 60 s: node-2. Leave them out, --exclude",
    ),
    (
        "node-1",
        f'python -c "{TAKE}" & sleep 5',
        "",
        "node-1: Ray has ended with 1; its last lines stand above. If another program has taken a port",
    ),
    (
        "none",
        "",
        "DNASWEEP_SCRATCH=/proc/nowhere",
        "node-1: no folder can be made in /proc/nowhere: name another in DNASWEEP_SCRATCH",
    ),
    (
        "none",
        "",
        "DNASWEEP_JOIN_S=1",
        "Ray did not answer on node-1 within 1 s: give it more, DNASWEEP_JOIN_S",
    ),
]


def test_a_node_that_cannot_take_part_is_named_and_the_job_fails(slurm: Slurm) -> None:
    jobs = {}
    for number, (node, fault, asked, expected) in enumerate(FAULTS):
        # bash reads it before what a step of the job runs.
        (slurm.project / f"fault-{number}.sh").write_text(
            f'if [ -n "$RAY_ADDRESS" ] && [ "$(hostname)" = {node} ]; then {fault or ":"}; fi\n'
        )
        export = f"--export=ALL,DNASWEEP_VENV={sys.prefix},BASH_ENV=fault-{number}.sh"
        if asked.startswith("DNASWEEP"):
            export, asked = f"{export},{asked}", ""
        job = slurm.submit(
            f"--nodes=2 --nodelist=node-1,node-2 {SHAPE} --time=60 {asked} {export}"
            f" {ROOT}/clusters/slurm.sh python -V"
        )
        jobs[job] = expected
    for job, expected in jobs.items():
        assert slurm.wait(job, timeout=900) == "FAILED", slurm.log(job)
        assert expected in slurm.log(job)
    slurm.await_nothing_left()


def test_a_folder_that_only_the_first_node_has_is_said(slurm: Slurm) -> None:
    slurm.nodes[0].run("mkdir -p /opt/alone", timeout=30)
    job = slurm.submit(
        f"--nodes=2 --nodelist=node-1,node-2 {SHAPE} --time=60 --chdir=/opt/alone"
        f" --output={slurm.project}/%j.log {SCRIPT} python -V"
    )
    assert slurm.wait(job, timeout=400) == "FAILED"
    said = slurm.log(job)
    assert "node-2: the folder /opt/alone is not there: submit in a folder that all" in said
    assert "a node did not join: its name and reason stand above" in said
    slurm.await_nothing_left()


def test_a_job_that_runs_out_of_time_goes_on_and_ends_as_if_undisturbed(
    slurm: Slurm, undisturbed: Callable[[], pd.DataFrame]
) -> None:
    storage = slurm.project / "cut"
    job = slurm.submit(
        f"--nodes=1 {SHAPE} --time=60 --signal=B:USR1@150 {SLOWLY} {sweep('cut', LONGER)}"
    )
    slurm.await_look(job, lambda: kept(storage))
    # However fast the machine is: two to three minutes from here. SLURM sends its signal within 30 s then.
    slurm.limit(job, slurm.seconds(job) // 60 + 3)
    slurm.await_text(job, NEARLY_UP, timeout=90)
    slurm.await_text(job, "going on in another allocation", timeout=150)
    before = kept(storage)
    slurm.await_look(job, lambda: slurm.state(job) == "PENDING")
    slurm.limit(job, 60)
    assert slurm.wait(job, timeout=2400) == "COMPLETED", slurm.log(job)
    assert f"job {job}, start 2" in slurm.log(job)
    assert_gone_on(storage, before)
    pd.testing.assert_frame_equal(metrics(storage), undisturbed(), check_exact=True)
    slurm.await_nothing_left()


def test_a_job_that_comes_no_further_does_not_go_on(slurm: Slurm) -> None:
    what = sweep("short", "--seeds 0 --finetune-epochs 4000 --evaluations 1")
    for requeues, text, expected in (
        (
            0,
            "1/1 tokens of kmer-3",
            r"has run out of time 1 times \(DNASWEEP_REQUEUES\): submit it",
        ),
        (
            10,
            "Ray: 1 node",
            r"nothing new was kept in the \d+ s that .* on node-1: .* more --time",
        ),
    ):
        export = f"--export=ALL,DNASWEEP_VENV={sys.prefix},DNASWEEP_REQUEUES={requeues}"
        job = slurm.submit(
            f"--nodelist=node-1 {SHAPE} --time=60 {export} {ROOT}/clusters/slurm.sh {what}"
        )
        slurm.await_text(job, text)
        slurm.notify(job)
        assert slurm.wait(job, timeout=150) == "FAILED", slurm.log(job)
        assert NEARLY_UP in slurm.log(job)
        assert re.search(expected, slurm.log(job)), slurm.log(job)
        slurm.await_nothing_left()


# The last: of the three nodes, two are left.
def test_a_job_whose_node_loses_power_goes_on_elsewhere(
    slurm: Slurm, undisturbed: Callable[[], pd.DataFrame]
) -> None:
    storage = slurm.project / "lost"
    job = slurm.submit(
        f"--nodes=2 --exclude=node-1 {SHAPE} --time=60 {SLOWLY} {sweep('lost', LONGER)}"
    )
    # A trial on each node, and the driver on the one that goes.
    slurm.await_look(job, lambda: len(kept(storage)) == 2)
    slurm.nodes[1].kill()
    before = kept(storage)
    # SLURM finds out after SlurmdTimeout, and queues the job again; it may have any two nodes now.
    assert slurm.wait(job, timeout=200, until=("PENDING",)) == "PENDING", slurm.log(job)
    slurm.on_login(f"scontrol update jobid={job} ExcNodeList= NumNodes=2")
    assert slurm.wait(job, timeout=2400) == "COMPLETED", slurm.log(job)
    assert f"job {job}, start 2, on node-[1,3]" in slurm.log(job)
    assert_gone_on(storage, before)
    pd.testing.assert_frame_equal(metrics(storage), undisturbed(), check_exact=True)
    slurm.await_nothing_left()
