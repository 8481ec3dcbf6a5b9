"""Commands as SLURM jobs: the `sbatch` command line, and `slurm.sh`, which runs the job."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from dnasweep.config.keys import require
from dnasweep.config.ranges import Checked, Few, Whole
from dnasweep.errors import InputError

SCRIPT = Path(__file__).with_name("slurm.sh")
"""Script for `sbatch`: it turns the nodes into a Ray cluster and runs the command."""
NOTICE_S = 180
"""Seconds before the time limit at which a job starts to save its states; as in `slurm.sh`."""
_TIME = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?")
_MEMORY = re.compile(r"\d+[KMGT]?")
_TIME_REMEDY = "Write minutes (90), hours:minutes:seconds (12:00:00) or days-hours (2-12)."


@dataclass(frozen=True, kw_only=True)
class SlurmOptions(Checked):
    """What to ask of SLURM for a command. What is left out is the cluster's default."""

    command: Positional[tuple[str, ...]] = ()
    """The sweep or job with its own options, behind those for SLURM."""
    nodes: Few = 1
    """Nodes of one allocation."""
    gpus: Whole = 0
    """GPUs of each node."""
    cpus: Few | None = None
    """CPUs of each node."""
    memory: str | None = None
    """Memory of each node, such as 64G."""
    time: str | None = None
    """Time limit: minutes (90), hours:minutes:seconds (12:00:00) or days-hours (2-12)."""
    requeues: Whole = 10
    """How often a job that ran out of time goes on in another allocation."""
    allocations: Few = 1
    """Allocations that work on one sweep at once, each of so many nodes."""
    partition: str | None = None
    """Partition, such as gpu."""
    account: str | None = None
    """Account that is charged."""
    sif: str | None = None
    """Image of Apptainer to run in, such as dnasweep.sif; nothing need be installed on the nodes then."""
    scratch: str | None = None
    """Folder on each node's own disk for Ray's files. Default: SLURM_TMPDIR, TMPDIR or /tmp there."""
    sbatch: str = ""
    """More options of sbatch, in one word: --sbatch="--qos=long --constraint=a100"."""
    submit: bool = False
    """Submit the job instead of printing the line."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.memory is not None:
            given = _MEMORY.fullmatch(self.memory)
            require(given is not None, "memory", self.memory, "Write it as 64G or 2000M.")
        if self.time is not None:
            seconds = seconds_of(self.time)
            require(
                seconds > NOTICE_S,
                "time",
                self.time,
                f"Request more: a job starts to save its states {NOTICE_S // 60} minutes before the end.",
            )
        if self.sif is not None:
            remedy = "Give the file made by `apptainer build`."
            require(Path(self.sif).is_file(), "sif", self.sif, remedy)


def seconds_of(time: str) -> float:
    """Return the seconds of a time limit as SLURM reads it.

    Raises
    ------
    InputError
        If it is not a valid time limit.
    """
    found = _TIME.fullmatch(time)
    require(found is not None, "time", time, _TIME_REMEDY)
    assert found is not None
    days, *rest = (int(part) if part else 0 for part in found.groups())
    if found[1] is not None or found[4] is not None:
        hours, minutes, seconds = rest
    else:
        hours, (minutes, seconds) = 0, rest[:2]
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def sbatch_words(options: SlurmOptions) -> list[str]:
    """Return the command line that submits a job, as a list of words.

    The job runs in the current folder and environment.
    """
    try:
        more = shlex.split(options.sbatch)
    except ValueError as error:
        remedy = 'Close its quotes: --sbatch="--qos=long".'
        raise InputError(f"sbatch is {options.sbatch!r}: {error}", remedy=remedy) from error
    exported = {
        "DNASWEEP_VENV": None if options.sif else sys.prefix,
        "DNASWEEP_SIF": options.sif and str(Path(options.sif).absolute()),
        "DNASWEEP_SCRATCH": options.scratch,
        "DNASWEEP_REQUEUES": str(options.requeues),
    }
    for name, value in exported.items():
        remedy = "SLURM cannot pass on a path with a comma: use one without."
        require(value is None or "," not in value, name, value, remedy)
    asked = {
        "job-name": options.command[0],
        "nodes": options.nodes,
        "gpus-per-node": options.gpus or None,
        "cpus-per-task": options.cpus,
        "mem": options.memory,
        "time": options.time,
        "array": f"1-{options.allocations}" if options.allocations > 1 else None,
        "partition": options.partition,
        "account": options.account,
        "export": ",".join(["ALL", *(f"{n}={v}" for n, v in exported.items() if v is not None)]),
    }
    named = [f"--{name}={value}" for name, value in asked.items() if value is not None]
    return ["sbatch", *named, *more, str(SCRIPT), "python", "-m", "dnasweep", *options.command]


def submit(words: list[str]) -> str:
    """Submit a job and return what `sbatch` says.

    Raises
    ------
    InputError
        If there is no `sbatch`, or it refuses.
    """
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        remedy = (
            "Run this on a login node of the cluster, or leave out --submit and copy the line."
        )
        raise InputError("there is no sbatch on this machine", remedy=remedy) from error
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip()).replace("\n", "; ")
        raise InputError(
            f"sbatch refuses the job: {reason}",
            remedy="Request what `sinfo` shows: --partition, --nodes, --gpus, --time.",
        )
    return done.stdout.strip()
