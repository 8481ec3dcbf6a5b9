"""A SLURM cluster of hosts on one machine: a login host with the controller, and nodes.

    with open_slurm(3) as slurm:
        job = slurm.submit("--nodes=3 --time=10 script.sh a b")      # on the login host, in slurm.folder
        state = slurm.wait(job, timeout=300)                        # COMPLETED, FAILED, CANCELLED...
        print(slurm.log(job))

`slurm.folder` is what all hosts share; homes, /tmp and /run are a host's own. Controller, daemons and munge
are the distribution's: `apt-get install slurm-wlm slurmctld slurmd slurm-client munge openssh-server`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.hosts import PLACE, Host, Network, open_network
from cluster.machine import find

TOOLS = ("slurmctld", "slurmd", "munged", "sbatch", "squeue", "scontrol")
CPUS, MEMORY = 2, 6000
"""What a node says it has; MB."""
GOING_ON = ("PENDING", "RUNNING", "COMPLETING", "REQUEUED")
"""States of a job that has not ended."""
CONFIGURATION = """\
ClusterName=rehearsal
SlurmctldHost={login}({address})
SlurmUser=root
AuthType=auth/munge
# A requeued job starts again only when its old credential has expired: 120 s else.
AuthInfo=socket=/run/munge/munge.socket.2,cred_expire=5
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/cgroup
TaskPlugin=task/cgroup,task/affinity
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
DefMemPerCPU=600
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=10
MinJobAge=3600
SlurmdTimeout=30
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
StateSaveLocation={folder}/state
SlurmdSpoolDir=/opt/slurm/spool
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld
SlurmdLogFile={folder}/log/slurmd.%n
"""
CGROUPS = """\
CgroupPlugin=cgroup/v1
CgroupAutomount=no
ConstrainCores={cores}
ConstrainRAMSpace=yes
ConstrainDevices=no
"""
MUNGE = (
    "install -d -m 755 /run/munge; install -d -m 700 /opt/munge; mkdir -p /opt/slurm;"
    " install -m 400 {folder}/munge.key /opt/munge/key; munged --force --key-file=/opt/munge/key"
    " --socket=/run/munge/munge.socket.2 --pid-file=/run/munge/munged.pid"
    " --log-file=/opt/munge/log --seed-file=/opt/munge/seed"
)


def reason_to_skip_slurm() -> str | None:
    """Return why there can be no SLURM here, or None."""
    if missing := [tool for tool in TOOLS if find(tool) is None]:
        return f"{', '.join(missing)} not found: install slurm-wlm, slurmctld, slurmd and munge"
    return None


class Slurm:
    """The cluster: `login` has the controller, `nodes` compute."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.folder = folder
        self.nodes: list[Host] = list(network.hosts)
        self.login = network.boot("login")
        self._env = {"SLURM_CONF": f"{folder}/etc/slurm.conf"}
        for name in ("log", "state", "project"):
            (folder / name).mkdir(parents=True)
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        text = CONFIGURATION.format(
            login=self.login.name, address=self.login.address, folder=folder
        )
        for node in self.nodes:
            text += (
                f"NodeName={node.name} NodeAddr={node.address} NodeHostname={node.name}"
                f" CPUs={CPUS} RealMemory={MEMORY} Gres=gpu:2 State=UNKNOWN\n"
            )
        text += "PartitionName=main Nodes=ALL Default=YES MaxTime=60 State=UP\n"
        for etc, cores in (("etc", "no"), ("etc-bound", "yes")):
            (folder / etc).mkdir()
            (folder / etc / "slurm.conf").write_text(text)
            (folder / etc / "cgroup.conf").write_text(CGROUPS.format(cores=cores))
        # GPUs that are none: without a file each, a node would report 0 of them and be drained.
        for gpu in range(2):
            os.mknod(folder / f"gpu{gpu}", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        gres = f"NodeName=node-[1-{len(self.nodes)}] Name=gpu File={folder}/gpu[0-1]\n"
        for etc in ("etc", "etc-bound"):
            (folder / etc / "gres.conf").write_text(gres)
        names = "".join(f"{host.address} {host.name}\n" for host in network.hosts)
        munge = MUNGE.format(folder=folder)
        for host in network.hosts:
            # It is mounted into the host as a file: written in place.
            with (host.disk / "etc" / "hosts").open("r+") as file:
                file.write(f"127.0.0.1 localhost\n{names}")
                file.truncate()
            daemon = "slurmctld" if host is self.login else f"slurmd -N {host.name}"
            if host is not self.login:
                # All nodes have the same CPUs: the last alone binds jobs to theirs.
                bound = host is self.nodes[-1]
                env = {"SLURM_CONF": f"{folder}/etc-bound/slurm.conf"} if bound else self._env
                host.run(f"{munge}; {daemon}", timeout=60, env=env)
        self.login.run(f"{munge}; slurmctld", timeout=60, env=self._env)
        self.await_nodes()

    @property
    def project(self) -> Path:
        """The folder that jobs are submitted in."""
        return self.folder / "project"

    def on_login(self, line: str, *, check: bool = True) -> str:
        """Run a line of bash on the login host, in the project, and return what it says."""
        there = f"cd {self.project}; {line}"
        return self.login.run(there, timeout=60, env=self._env, check=check).stdout

    def await_nodes(self) -> None:
        """Wait until every node is idle."""
        deadline = time.monotonic() + 120
        while self.on_login("sinfo -h -t idle -o %D", check=False).strip() != str(len(self.nodes)):
            assert time.monotonic() < deadline, self.on_login("sinfo; sinfo -R")
            time.sleep(0.5)

    def submit(self, line: str) -> str:
        """Submit a job whose output goes to `JOB.log` in the project, and return its number."""
        said = self.on_login(f"sbatch --parsable --output=%j.log {line}")
        return said.strip().splitlines()[-1].split(";")[0]

    def state(self, job: str) -> str:
        """Return the state of a job, as SLURM names it."""
        said = self.on_login(f"scontrol -o show job {job}")
        return said.partition("JobState=")[2].split()[0]

    def wait(self, job: str, *, timeout: float, until: tuple[str, ...] = ()) -> str:
        """Wait until a job has ended, or has another state that is named, and return that."""
        deadline = time.monotonic() + timeout
        while (state := self.state(job)) in GOING_ON:
            if state in until:
                break
            assert time.monotonic() < deadline, f"{state}\n{self.log(job)}"
            time.sleep(1)
        return state

    def seconds(self, job: str) -> int:
        """Return for how long a job has been running."""
        said = self.on_login(f"squeue -h -j {job} -o %M").strip()
        parts = [int(part) for part in re.split("[-:]", said)]
        return sum(part * unit for part, unit in zip(parts[::-1], (1, 60, 3600), strict=False))

    def limit(self, job: str, minutes: int) -> None:
        """Set the time limit of a job that waits or runs."""
        self.on_login(f"scontrol update jobid={job} TimeLimit={minutes}")

    def notify(self, job: str) -> None:
        """Tell a job that its time is nearly up, as SLURM does before its limit."""
        self.on_login(f"scancel --batch --signal=USR1 {job}")

    def log(self, job: str) -> str:
        """Return what a job has said."""
        path = self.project / f"{job}.log"
        return path.read_text() if path.is_file() else ""

    def await_look(self, job: str, look: Callable[[], object], *, timeout: float = 600) -> None:
        """Wait until `look` finds something while a job runs."""
        deadline = time.monotonic() + timeout
        while not look():
            assert self.state(job) in GOING_ON, self.log(job)
            assert time.monotonic() < deadline, self.log(job)
            time.sleep(0.5)

    def await_text(self, job: str, text: str, *, timeout: float = 600) -> None:
        """Wait until a job says something."""
        self.await_look(job, lambda: text in self.log(job), timeout=timeout)

    def await_nothing_left(self, *, timeout: float = 60) -> None:
        """Wait until nothing of Ray or Python runs on any host that is up, and no file of a job is there."""
        deadline = time.monotonic() + timeout
        while left := self._left():
            assert time.monotonic() < deadline, left
            time.sleep(1)

    def _left(self) -> list[str]:
        hosts = [host for host in (self.login, *self.nodes) if host.alive]
        processes = [
            f"{host.name}: {line}"
            for host in hosts
            for line in host.processes()
            if "ray" in line or "python" in line
        ]
        files = [
            path
            for folder in (self.project, *(host.path("/tmp") for host in hosts))
            for path in (*folder.glob(".dnasweep-slurm-*"), *folder.glob("ray-*"))
        ]
        return processes + [str(path) for path in files]


@contextmanager
def open_slurm(nodes: int) -> Iterator[Slurm]:
    """Boot a login host and nodes, and take all of it down at the end."""
    folder = PLACE / f"dnasweep-slurm-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        with open_network(nodes, name="node") as network:
            yield Slurm(network, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for group in Path("/sys/fs/cgroup").glob("*/slurm_node-*"):
            for below in sorted(group.rglob("*"), reverse=True):
                if below.is_dir():
                    with contextlib.suppress(OSError):
                        below.rmdir()
            with contextlib.suppress(OSError):
                group.rmdir()
