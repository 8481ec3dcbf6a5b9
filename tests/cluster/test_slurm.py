"""`clusters/slurm.sh` on a real SLURM of three nodes, as docs/how_to/slurm.md tells it: `make rehearsal-slurm`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pandas as pd
import pytest
from cluster.hosts import reason_to_skip
from cluster.machine import ROOT
from cluster.slurm_hosts import Slurm, open_slurm, reason_to_skip_slurm
from cluster.slurm_jobs import LOOK, SCRIPT, SHAPE, builds, explain, metrics, prepare, sweep

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
    spread = "--workers-per-trial 2 --cpus-per-worker 1 --seeds 0"
    job = slurm.submit(f"--nodes=3 {SHAPE} --time=60 {SCRIPT} {sweep('spread', spread)}")
    assert slurm.wait(job, timeout=1500) == "COMPLETED", slurm.log(job)
    said = slurm.log(job)
    # A node has two CPUs and 6000 MB.
    for node in slurm.nodes:
        assert f"{node.name} at {node.address}: 1 CPUs, 0 GPUs, 2900 MB" in said
    assert "Ray: 3 nodes, 3 CPU" in said
    assert len(metrics(slurm.project / "spread")) == 1
    slurm.await_nothing_left()


def test_attributions_are_computed_on_all_nodes(slurm: Slurm) -> None:
    tables = []
    for nodes in (3, 1):
        job = slurm.submit(f"--nodes={nodes} {SHAPE} --time=60 {SCRIPT} {explain(f'why-{nodes}')}")
        assert slurm.wait(job, timeout=1500) == "COMPLETED", slurm.log(job)
        assert f"{nodes} actor" in slurm.log(job)
        found = slurm.project.glob(f"why-{nodes}/attributions/*/shards/*/*.parquet")
        tables.append({(path.parent.name, path.name): pd.read_parquet(path) for path in found})
    assert len({shard for shard, _ in tables[0]}) == 12
    assert tables[0].keys() == tables[1].keys()
    for name, table in tables[0].items():
        pd.testing.assert_frame_equal(table, tables[1][name], rtol=1e-5)
    slurm.await_nothing_left()


def test_an_error_of_the_command_is_the_job_s(slurm: Slurm) -> None:
    wrong = sweep("wrong").replace("toy.csv", "missing.csv")
    job = slurm.submit(f"--nodes=1 {SHAPE} --time=60 {SCRIPT} {wrong}")
    assert slurm.wait(job, timeout=600) == "FAILED"
    assert "missing.csv" in slurm.log(job)
    assert "ExitCode=2:0" in slurm.on_login(f"scontrol -o show job {job}")
    slurm.await_nothing_left()


def test_two_tasks_of_an_array_on_one_node_share_the_trials_of_a_sweep(slurm: Slurm) -> None:
    what = sweep("shared", "--seeds 0 1 2 3 --finetune-epochs 40")
    job = slurm.submit(
        f"--array=1-2 --nodes=1 --nodelist=node-1 {SHAPE} --time=60 {SCRIPT} {what}"
    )
    tasks = [job, str(int(job) + 1)]
    with builds(slurm.project / "shared") as built:
        for task in tasks:
            assert slurm.wait(task, timeout=2000) == "COMPLETED", slurm.log(task)
    assert len({name for name in built if name.startswith("trials-")}) == 4
    assert [name for name, times in built.items() if times > 1] == [], "built twice"
    logs = [slurm.log(task) for task in tasks]
    # Both report every trial, in the order in which they came to it.
    ended = [re.findall(r"(\d)/4 kmer-3 none lr=0.01 seed=(\d)", said) for said in logs]
    assert {seed for _, seed in ended[0]} == {seed for _, seed in ended[1]} == set("0123")
    assert {one[0][1] for one in ended} == {"0", "2"}, "each begins at another"
    frame = metrics(slurm.project / "shared")
    assert frame["num_seeds"].tolist() == [4]
    slurm.await_nothing_left()


def test_scancel_leaves_nothing(slurm: Slurm) -> None:
    longer = "--seeds 0 1 2 --finetune-epochs 5000 --evaluations 500"
    job = slurm.submit(f"--nodes=3 {SHAPE} --time=60 {SCRIPT} {sweep('cancelled', longer)}")
    runs = slurm.project / "cancelled"
    slurm.await_look(job, lambda: len(list(runs.glob("work/trials/*/step-*"))) == 3)
    slurm.on_login(f"scancel {job}")
    assert slurm.wait(job, timeout=120) == "CANCELLED"
    slurm.await_nothing_left()


def test_the_command_submits_a_job(slurm: Slurm) -> None:
    asked = "--nodes 2 --cpus 1 --memory 2900M --time 60 --sbatch=--output=%j.log"
    said = slurm.on_login(f"{sys.executable} -m dnasweep slurm --submit {asked} doctor")
    job = said.split()[-1]
    assert said.startswith("Submitted batch job"), said
    assert slurm.wait(job, timeout=600) == "COMPLETED", slurm.log(job)
    assert "python -m dnasweep doctor" in slurm.log(job)
    assert "2 nodes" in slurm.log(job)
    slurm.await_nothing_left()


def test_ray_is_told_of_the_gpus_that_are_granted(slurm: Slurm) -> None:
    # A number for each node, and one for the job, of which the nodes have unequal parts.
    for asked, parts in (("--gpus-per-node=1", "1 1"), ("--gpus=3", "1 2")):
        job = slurm.submit(f"--nodes=2 {SHAPE} --time=60 {asked} {SCRIPT} {LOOK}")
        assert slurm.wait(job, timeout=600) == "COMPLETED", slurm.log(job)
        found = re.findall(r"at .*: 1 CPUs, (\d) GPUs", slurm.log(job))
        assert sorted(found) == parts.split()
        assert f"Ray has 2 CPUs, {sum(map(int, found))} GPUs" in slurm.log(job)
    slurm.await_nothing_left()


def test_ray_is_told_of_what_the_cgroup_allows(slurm: Slurm) -> None:
    # Nothing in the environment tells; node-3 binds jobs to their CPUs.
    text = (ROOT / "clusters/slurm.sh").read_text()
    text = text.replace("SLURM_MEM_PER", "NOT_KNOWN").replace("${SLURM_CPUS_ON_NODE:-1}", "64")
    (slurm.project / "blind.sh").write_text(text)
    granted = "--nodelist=node-3 --cpus-per-task=1 --mem=1500"
    export = f"--export=ALL,DNASWEEP_VENV={sys.prefix}"
    job = slurm.submit(f"{granted} --time=60 {export} blind.sh {LOOK}")
    assert slurm.wait(job, timeout=600) == "COMPLETED", slurm.log(job)
    assert "1 CPUs, 0 GPUs, 1500 MB" in slurm.log(job)
    assert "Ray has 1 CPUs, 0 GPUs, 900 MB" in slurm.log(job)
    slurm.await_nothing_left()


def test_a_missing_environment_is_said(slurm: Slurm) -> None:
    export = "--export=ALL,DNASWEEP_VENV=/nowhere,PATH=/usr/bin:/bin"
    job = slurm.submit(f"--nodes=1 {SHAPE} --time=60 {export} {ROOT}/clusters/slurm.sh python -V")
    assert slurm.wait(job, timeout=200) == "FAILED"
    assert "dnasweep is not found by" in slurm.log(job)
    assert "DNASWEEP_VENV" in slurm.log(job)
