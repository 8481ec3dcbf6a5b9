"""The workers of one machine meet on loopback, those of several as Ray has it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import psutil
import pytest
import ray
import torch
import torch.distributed as dist
from dnasweep.runtime.cluster.loopback import local_environment
from dnasweep.runtime.training.rendezvous import LoopbackConfig, set_up_on_loopback, torch_config
from ray.train.torch import TorchConfig


def listening() -> set[str]:
    return {
        connection.laddr.ip.removeprefix("::ffff:")
        for connection in psutil.Process().net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A port on loopback, told as Ray tells it, and no process group afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(port))
    for name, value in local_environment().items():
        monkeypatch.setenv(name, value)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("place")
def test_a_group_of_one_machine_listens_on_loopback_alone() -> None:
    before = listening()
    set_up_on_loopback("gloo", 0, 1, "env://", timeout_s=60)
    total = torch.tensor([2.0])
    dist.all_reduce(total)
    assert total.item() == 2.0
    assert listening() - before <= {"127.0.0.1"}


def test_it_is_what_a_session_on_loopback_takes_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for address, kind in (
        ("127.0.0.1", LoopbackConfig),
        ("::1", LoopbackConfig),
        ("10.0.0.4", TorchConfig),
        ("192.168.1.2", TorchConfig),
    ):
        monkeypatch.setattr(ray.util, "get_node_ip_address", lambda address=address: address)
        assert type(torch_config()) is kind
