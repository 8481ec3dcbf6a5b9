"""`dnasweep slurm`, and `slurm.sh` where a node cannot take part: SLURM's own programs are small stand-ins."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from dnasweep.errors import InputError
from dnasweep.runtime.cluster.slurm import (
    NOTICE_S,
    SCRIPT,
    SlurmOptions,
    sbatch_words,
    seconds_of,
    submit,
)
from option_toys import ROOT

SRUN = """#!/bin/bash
# The node that --nodelist names, or node-2, runs what follows the options.
export SLURMD_NODENAME=node-2
while [[ $1 == --* ]]; do
  [[ $1 != --nodelist=* ]] || export SLURMD_NODENAME=${1#--nodelist=}
  shift
done
[ -z "$ON_NODE" ] || eval "$ON_NODE"
exec "$@"
"""
SCONTROL = """#!/bin/bash
echo "NodeName=$3 NodeAddr=127.0.0.1"
"""


def slurm(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dnasweep", "slurm", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_line_says_what_was_asked(tmp_path: Path) -> None:
    done = slurm(
        *"--nodes 2 --gpus 4 --cpus 16 --memory 64G --time 12:00:00 --requeues 3".split(),
        *"--allocations 4 --partition gpu --account lab --sbatch=--qos=long".split(),
        *"tokenizer-grid --data a.csv --learning-rates 1e-3".split(),
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    words = shlex.split(done.stdout)
    at = words.index(str(SCRIPT))
    assert set(words[1:at]) == {
        "--job-name=tokenizer-grid",
        "--nodes=2",
        "--gpus-per-node=4",
        "--cpus-per-task=16",
        "--mem=64G",
        "--time=12:00:00",
        "--array=1-4",
        "--partition=gpu",
        "--account=lab",
        f"--export=ALL,DNASWEEP_VENV={sys.prefix},DNASWEEP_REQUEUES=3",
        "--qos=long",
    }
    assert words[0] == "sbatch"
    command = "python -m dnasweep tokenizer-grid --data a.csv --learning-rates 1e-3"
    assert words[at + 1 :] == command.split()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", "there is no command to run"),
        ("--nodes 2 slurm pmi", "there is no command to run"),
        ("--time 3 tokenizer-grid", "Request more"),
        ("--time 90 tokenizer-grid --dropout 2", "dropout is 2.0"),
        ("--memory lots doctor", "Write it as 64G"),
        ("--sif none.sif doctor", "apptainer build"),
    ],
)
def test_what_could_not_run_is_refused_before_it_is_queued(words: str, expected: str) -> None:
    done = slurm(*words.split())
    assert done.returncode == 2
    assert expected in done.stderr


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("90", 5400),
        ("90:30", 5430),
        ("1:30:00", 5400),
        ("2-12", 216_000),
        ("1-0:30", 88_200),
        ("1-00:00:05", 86_405),
    ],
)
def test_time_is_read_as_slurm_reads_it(time: str, seconds: float) -> None:
    assert seconds_of(time) == seconds


def test_the_notice_is_that_of_the_script() -> None:
    assert f"--signal=B:USR1@{NOTICE_S}\n" in SCRIPT.read_text()
    assert (ROOT / "clusters" / "slurm.sh").resolve() == SCRIPT


def test_sbatch_is_called_and_its_refusal_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = SlurmOptions(command=("doctor",))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="no sbatch on this machine"):
        submit(sbatch_words(options))
    sbatch = tmp_path / "sbatch"
    sbatch.write_text('#!/bin/bash\necho "Submitted batch job 7: $*"\n')
    sbatch.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert submit(sbatch_words(options)).endswith("slurm.sh python -m dnasweep doctor")
    sbatch.write_text("#!/bin/bash\necho 'sbatch: error: invalid partition' >&2\nexit 1\n")
    with pytest.raises(InputError, match="invalid partition"):
        submit(sbatch_words(options))


@pytest.fixture
def cluster(tmp_path: Path) -> dict[str, str]:
    """Environment of a job of two nodes."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    (tmp_path / "project").mkdir()
    return {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "DNASWEEP_VENV": sys.prefix,
        "DNASWEEP_SCRATCH": str(tmp_path),
        "SLURM_JOB_ID": "7",
        "SLURMD_NODENAME": "node-1",
        "SLURM_JOB_NODELIST": "node-[1-2]",
        "SLURM_JOB_NUM_NODES": "2",
    }


def job(tmp_path: Path, env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SCRIPT), *words],
        cwd=tmp_path / "project",
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (
            {"ON_NODE": "DNASWEEP_FOLDER=/nowhere"},
            "node-1: the folder /nowhere is not there: submit in a folder that all nodes share.",
        ),
        (
            {"ON_NODE": "DNASWEEP_PYTHON=3.8.1"},
            "and 3.8.1 on the first node: use one environment for all nodes.",
        ),
        (
            {
                "ON_NODE": "PATH=/usr/bin:/bin; mkdir t; ln -s /bin/false t/python; PATH=$PWD/t:$PATH"
            },
            "node-1: python does not start",
        ),
        (
            {"SLURM_GPUS_ON_NODE": "2", "CUDA_VISIBLE_DEVICES": "NoDevFiles"},
            "node-1: SLURM grants 2 GPUs here and none is visible",
        ),
        ({"DNASWEEP_SCRATCH": "/proc/nowhere"}, "node-1: no folder can be made in /proc/nowhere"),
    ],
    ids=["folder", "version", "python", "gpus", "scratch"],
)
def test_a_node_that_cannot_take_part_is_named_with_what_to_do(
    tmp_path: Path, cluster: dict[str, str], setting: dict[str, str], expected: str
) -> None:
    done = job(tmp_path, cluster | setting, "python", "-V")
    assert expected in done.stdout
    assert "Ray did not start on node-1: its reason stands above" in done.stdout
    assert done.returncode == 1
    assert not list(tmp_path.glob("project/.dnasweep-slurm-*")), "the token is gone"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"DNASWEEP_VENV": "/nowhere", "PATH": "/usr/bin:/bin"}, "DNASWEEP_VENV=..."),
        ({"DNASWEEP_SIF": "none.sif"}, "there is no such file on node-1"),
        ({"DNASWEEP_SIF": "/bin/true"}, "no apptainer on node-1"),
    ],
)
def test_without_an_environment_nothing_begins(
    tmp_path: Path, cluster: dict[str, str], setting: dict[str, str], expected: str
) -> None:
    done = job(tmp_path, cluster | setting, "python", "-V")
    assert expected in done.stdout
    assert done.returncode == 2


def test_everything_runs_in_the_image_that_is_named(
    tmp_path: Path, cluster: dict[str, str]
) -> None:
    """The stand-in for apptainer writes down each call; the environment is found through it alone."""
    tools = tmp_path / "tools"
    (tools / "apptainer").write_text(
        f'#!/bin/bash\necho "$*" >>{tmp_path}/calls\n'
        'while [ "$1" != "$DNASWEEP_SIF" ]; do shift; done; shift\n'
        f"export PATH={sys.prefix}/bin:$PATH\n"
        '[[ "$*" != *"ray.scripts.scripts start"* ]] || { echo "no Ray here"; exit 3; }\n'
        'exec "$@"\n'
    )
    (tools / "apptainer").chmod(0o755)
    sif = tmp_path / "project" / "dnasweep.sif"
    sif.touch()
    plain = {"PATH": f"{tools}:/usr/bin:/bin", "DNASWEEP_SIF": "dnasweep.sif"}
    done = job(tmp_path, cluster | plain | {"CUDA_VISIBLE_DEVICES": "0"}, "python", "-V")
    assert "node-1: Ray has ended with 3" in done.stdout
    assert done.returncode == 1
    calls = (tmp_path / "calls").read_text().splitlines()
    assert all(f" {sif} python " in call for call in calls)
    assert all(call.startswith(f"exec --nv --bind {tmp_path}/project") for call in calls)
    assert any("ray.scripts.scripts start --head" in call for call in calls)
