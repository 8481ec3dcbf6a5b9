"""How the workers of one machine meet: at a door on loopback.

torch opens the store by which workers find one another at all addresses of a machine, and asks for no
token. What Ray Train calls to set up a process group is replaced here for a session of one machine;
checked with Ray 2.60 and torch 2.13.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import ray
import torch.distributed as dist
from ray.train.torch import TorchConfig
from ray.train.torch import config as ray_torch


def torch_config() -> TorchConfig:
    """Return how the workers of this session meet."""
    alone = ipaddress.ip_address(ray.util.get_node_ip_address()).is_loopback
    return _Loopback() if alone else TorchConfig()


class _Backend(ray_torch._TorchBackend):
    """Ray's own, with another way to meet."""

    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        theirs = ray_torch._setup_torch_process_group
        ray_torch._setup_torch_process_group = meet
        try:
            super().on_start(worker_group, backend_config)
        finally:
            ray_torch._setup_torch_process_group = theirs


@dataclass
class _Loopback(TorchConfig):
    """A process group whose store listens on loopback."""

    @property
    def backend_cls(self) -> type[_Backend]:
        return _Backend


def meet(
    backend: str, world_rank: int, world_size: int, init_method: str, timeout_s: int = 1800
) -> None:
    """Set up the process group of a worker, as Ray's function of these arguments does.

    Parameters
    ----------
    backend
        gloo or nccl.
    world_rank, world_size
        This worker, and how many there are.
    init_method
        Not read: the place is in MASTER_ADDR and MASTER_PORT, where Ray has put it.
    timeout_s
        Seconds until an operation of the group gives up.
    """
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    timeout = timedelta(seconds=timeout_s)
    door = socket.create_server((host, port)).detach() if world_rank == 0 else None
    store = dist.TCPStore(
        host,
        port,
        world_size,
        is_master=world_rank == 0,
        timeout=timeout,
        wait_for_workers=False,
        master_listen_fd=door,
    )
    dist.init_process_group(
        backend=backend, store=store, rank=world_rank, world_size=world_size, timeout=timeout
    )
