"""Real hosts on one Linux machine: own address, process table, disk folders and sshd each.

    with open_network(3) as network:
        first, second, third = network.hosts        # host-1 at 10.0.0.10, host-2 at 10.0.0.11 ...
        first.run("hostname", timeout=10).stdout    # a line of bash as on that host, to its end
        process = first.start("sleep 100")          # the same, as a Popen
        second.kill()                               # power off: everything that runs there is gone
        third.link(up=False)                        # pull its cable; up=True plugs it in again
        second = network.boot("host-2")             # it comes back: same address, same disk
        fourth = network.boot("host-4")             # a new one
        door = network.listen()                     # a socket of this process that hosts reach

No process outlives the one that opened the network, not even if that is killed: the hosts are
namespaces that belong to processes, and those die with the thread that booted them. The addresses
exist inside these namespaces only, so several networks can stand at once and reach nothing outside.

Private to a host are its home, /tmp, /opt, /run and /dev/shm. All hosts see the rest of the disk, with
this repository and its Python: what shall be on no shared disk belongs into the private folders.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.machine import BOUND, PATIENCE, Host, do, find, format_disk

TOOLS = ("ip", "sshd", "ssh", "ssh-keygen", "unshare", "nsenter", "setpriv", "mount")
GATEWAY, FIRST = "10.0.0.1", 10
# On a disk, and in no private folder.
PLACE = Path("/var/tmp")
PREFIX = "dnasweep-hosts-"
CLONE_NEWNET = 0x40000000


def reason_to_skip() -> str | None:
    """Return why there can be no hosts here, or None."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "hosts are namespaces of Linux, which only root can make"
    if missing := [tool for tool in TOOLS if find(tool) is None]:
        return f"{', '.join(missing)} not found: install iproute2, openssh-server and util-linux"
    tried = subprocess.run(
        ["unshare", *"--net --mount --pid --uts --ipc --fork --mount-proc ip link".split()],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"no namespaces here: {tried.stderr.strip()}" if tried.returncode else None


class Network:
    """A switch and the hosts at it. `folder` is theirs, `key` lets in to all of them by ssh as root."""

    gateway = GATEWAY

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hosts: list[Host] = []
        self.key = folder / "key"
        do("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key))
        self._switch = subprocess.Popen([*BOUND, "sleep", "infinity"], start_new_session=True)
        deadline = time.monotonic() + PATIENCE
        here = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{self._switch.pid}/ns/net") == here:
            assert self._switch.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("ip", "link", "add", "switch", "type", "bridge")
        self.inside("ip", "address", "add", f"{GATEWAY}/24", "dev", "switch")
        self.inside("ip", "link", "set", "switch", "up")
        # Whoever asks for anything outside is told at once that it cannot be reached.
        self.inside("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")

    def inside(self, *command: str) -> str:
        """Run a command where the switch is."""
        return do("nsenter", f"--net=/proc/{self._switch.pid}/ns/net", *command)

    def boot(self, name: str) -> Host:
        """Start a new host, or again one that is down, which keeps address and disk.

        Call it in the thread that lives longest: the host dies with it.
        """
        known = {host.name: host for host in self.hosts}
        if old := known.get(name):
            assert not old.alive, f"{name} is up"
            address, disk = old.address, old.disk
        else:
            address, disk = f"10.0.0.{FIRST + len(known)}", self.folder / name
            format_disk(disk, name, self.key)
        (disk / "plugged-in").unlink(missing_ok=True)
        host = Host(name, address, disk, self.inside)
        if old:
            self.hosts[self.hosts.index(old)] = host
        else:
            self.hosts.append(host)
        self._plug_in(host)
        return host

    def _plug_in(self, host: Host) -> None:
        into = ("nsenter", f"--net=/proc/{host.init}/ns/net", "ip")
        peer = ("peer", "name", "eth0", "netns", str(host.init))
        # The card is the same after a reboot, for others remember its number.
        card = f"02:00:00:00:00:{int(host.address.rsplit('.')[-1]):02x}"
        self.inside("ip", "link", "add", host.name, "type", "veth", *peer, "address", card)
        self.inside("ip", "link", "set", host.name, "master", "switch", "up")
        do(*into, "link", "set", "lo", "up")
        do(*into, "address", "add", f"{host.address}/24", "dev", "eth0")
        do(*into, "link", "set", "eth0", "up")
        # Without a way out Ray takes 127.0.0.1 for a host's address.
        do(*into, "route", "add", "default", "via", GATEWAY)
        (host.disk / "plugged-in").touch()
        host.wait_until(lambda: self._reaches(host), "answer by ssh")

    def _reaches(self, host: Host) -> bool:
        look = ["bash", "-c", f"exec 3<>/dev/tcp/{host.address}/22"]
        enter = ["nsenter", f"--net=/proc/{self._switch.pid}/ns/net"]
        return subprocess.run([*enter, *look], capture_output=True, check=False).returncode == 0

    def listen(self, port: int = 0) -> socket.socket:
        """Return a listening socket of this process at the gateway's address, which hosts reach."""
        made: list[socket.socket] = []

        def make() -> None:
            # A namespace is a matter of the thread, and a socket stays in the one it was made in.
            with open(f"/proc/{self._switch.pid}/ns/net") as there:
                libc = ctypes.CDLL(None, use_errno=True)
                assert libc.setns(there.fileno(), CLONE_NEWNET) == 0, os.strerror(
                    ctypes.get_errno()
                )
            made.append(socket.create_server((GATEWAY, port), backlog=200))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        assert made, "no socket among the hosts"
        return made[0]

    def close(self) -> None:
        for host in self.hosts:
            if host.alive:
                host.kill()
        self._switch.kill()
        self._switch.wait(timeout=PATIENCE)


@contextmanager
def open_network(hosts: int, name: str = "host") -> Iterator[Network]:
    """Boot `hosts` hosts, named `host-1` and so on; all is gone after the block.

    Parameters
    ----------
    hosts
        How many; more can be booted later.
    name
        What they are called, at most nine letters.
    """
    remove_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=PLACE))
    with (folder / "in-use").open("w") as in_use:
        fcntl.flock(in_use, fcntl.LOCK_EX)
        network = Network(folder)
        try:
            for number in range(1, hosts + 1):
                network.boot(f"{name}-{number}")
            yield network
        finally:
            network.close()
            shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers() -> None:
    """Remove the disks of hosts whose network was not closed, since its process was killed."""
    for folder in PLACE.glob(f"{PREFIX}*"):
        try:
            with (folder / "in-use").open("r+") as in_use:
                fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            # In use, or just being made.
            continue
