"""Rendezvous of the workers on one machine, at a port on loopback.

torch opens the store through which workers find one another on all addresses of a machine, without
requiring a token. In a session on one machine, this module replaces the function with which Ray
Train sets up a process group.
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

from dnasweep.runtime.ray_private import process_group_setup


def torch_config() -> TorchConfig:
    """Return Ray Train's configuration of the process group for the open session."""
    alone = ipaddress.ip_address(ray.util.get_node_ip_address()).is_loopback
    return LoopbackConfig() if alone else TorchConfig()


class _Backend(TorchConfig().backend_cls):  # type: ignore[misc]
    """Ray's own backend with a different setup of the process group."""

    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        with process_group_setup(set_up_on_loopback):
            super().on_start(worker_group, backend_config)


@dataclass
class LoopbackConfig(TorchConfig):
    """A process group whose store listens on loopback."""

    @property
    def backend_cls(self) -> type[_Backend]:
        return _Backend


def set_up_on_loopback(
    backend: str, world_rank: int, world_size: int, init_method: str, timeout_s: int = 1800
) -> None:
    """Set up the process group of a worker, with the arguments of Ray's own function.

    Parameters
    ----------
    backend
        gloo or nccl.
    world_rank, world_size
        Number of this worker, and number of workers.
    init_method
        Not used: Ray puts the address into MASTER_ADDR and MASTER_PORT.
    timeout_s
        Timeout in seconds of operations of the group.
    """
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    timeout = timedelta(seconds=timeout_s)
    listening = socket.create_server((host, port)).detach() if world_rank == 0 else None
    store = dist.TCPStore(
        host,
        port,
        world_size,
        is_master=world_rank == 0,
        timeout=timeout,
        wait_for_workers=False,
        master_listen_fd=listening,
    )
    dist.init_process_group(
        backend=backend, store=store, rank=world_rank, world_size=world_size, timeout=timeout
    )
