"""Hosts are what they say: apart from one another, in reach of one another, and gone when killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.hosts import GATEWAY, PLACE, PREFIX, Host, Network, open_network, reason_to_skip

REASON = reason_to_skip()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(REASON is not None, reason=str(REASON))]
SECONDS = 60


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with open_network(2) as network:
        yield network


def reaches(host: Host, address: str, port: int = 22) -> bool:
    look = f"timeout 2 bash -c 'exec 3<>/dev/tcp/{address}/{port}'"
    return host.run(look, timeout=SECONDS, check=False).returncode == 0


def test_a_host_has_name_address_processes_and_disk_of_its_own(network: Network) -> None:
    first, second = network.hosts
    assert first.run("hostname", timeout=SECONDS).stdout == "host-1\n"
    assert "10.0.0.10/24" in first.run("ip -4 address show eth0", timeout=SECONDS).stdout
    folders = "~ /tmp /opt /dev/shm"
    first.run(f"for f in {folders}; do echo one > $f/only-here; done", timeout=SECONDS)
    assert second.run(f"ls {folders}", timeout=SECONDS).stdout.count("only-here") == 0
    assert first.path("/opt/only-here").read_text() == "one\n"
    sleeping = first.start("sleep 1000")
    while not first.processes():
        time.sleep(0.05)
    assert first.processes() == ["sleep 1000"]
    assert second.processes() == []
    first.run("kill $(ps -C sleep -o pid=)", timeout=SECONDS)
    assert sleeping.wait(timeout=SECONDS) != 0


def test_the_python_of_the_tests_runs_on_a_host(network: Network) -> None:
    said = network.hosts[0].run(f"{sys.executable} -c 'import sys; print(sys.prefix)'", timeout=60)
    assert said.stdout == f"{sys.prefix}\n"


def test_hosts_reach_one_another_by_ssh_and_nothing_outside(network: Network) -> None:
    first, second = network.hosts
    first.path("/tmp/key").write_text(network.key.read_text())
    ssh = "chmod 600 /tmp/key; ssh -i /tmp/key -o StrictHostKeyChecking=no -o LogLevel=ERROR"
    said = first.run(f"{ssh} root@{second.address} hostname", timeout=SECONDS).stdout
    assert said == "host-2\n"
    begun = time.monotonic()
    assert not reaches(first, "192.0.2.1", 80)
    assert time.monotonic() - begun < 1.5, "it is told at once, not left waiting"


def test_hosts_reach_a_socket_of_the_test(network: Network) -> None:
    with network.listen() as door:
        host, port = door.getsockname()
        assert host == GATEWAY
        assert reaches(network.hosts[0], host, port)
        assert not reaches(network.hosts[0], host, port + 1)


def test_a_host_whose_cable_is_out_is_out_of_reach_until_it_is_in(network: Network) -> None:
    first, second = network.hosts
    second.link(up=False)
    assert not reaches(first, second.address)
    assert not reaches(second, first.address)
    assert reaches(second, second.address), "it goes on by itself"
    second.link(up=True)
    deadline = time.monotonic() + SECONDS
    while not reaches(first, second.address):
        assert time.monotonic() < deadline


def test_a_killed_host_is_gone_with_its_processes_and_comes_back_with_its_disk(
    network: Network,
) -> None:
    first, second = network.hosts
    second.run("echo kept > /opt/file; echo lost > /dev/shm/file", timeout=SECONDS)
    running = second.start("sleep 1000")
    second.kill()
    assert not second.alive
    assert running.wait(timeout=SECONDS) != 0
    assert not reaches(first, second.address)
    again = network.boot("host-2")
    assert again.address == second.address
    assert network.hosts == [first, again]
    assert reaches(first, again.address)
    assert again.processes() == []
    assert again.run("cat /opt/file; ls /dev/shm", timeout=SECONDS).stdout == "kept\n"


def test_nothing_is_left_of_hosts_whose_maker_was_killed(tmp_path: Path) -> None:
    code = (
        "import time\n"
        "from cluster.hosts import open_network\n"
        "with open_network(1, name='orphan') as network:\n"
        "    print(network.folder, network.hosts[0].init, flush=True)\n"
        "    time.sleep(1000)\n"
    )
    tests = Path(__file__).resolve().parents[1]
    maker = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tests, stdout=subprocess.PIPE, text=True
    )
    assert maker.stdout is not None
    folder, init = maker.stdout.readline().split()
    maker.kill()
    maker.wait()
    deadline = time.monotonic() + SECONDS
    while Path(f"/proc/{init}").exists():
        assert time.monotonic() < deadline, "its host outlives it"
        time.sleep(0.05)
    assert Path(folder).parent == PLACE
    assert Path(folder).name.startswith(PREFIX)
    with open_network(0):
        assert not Path(folder).exists()
