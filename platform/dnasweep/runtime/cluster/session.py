"""A Ray session: joined or started, and what it has to give."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from types import FrameType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import ray

from dnasweep.errors import InputError
from dnasweep.runtime.cluster.autoscaler import machine_kinds
from dnasweep.runtime.cluster.loopback import local_environment, loopback_only, private_folder
from dnasweep.runtime.cluster.placement import DRIVER_RESOURCE, NodeCapacity, NodeGroup, grown
from dnasweep.runtime.cluster.token import secure_token

WORKER_ENVIRONMENT = {
    "TOKENIZERS_PARALLELISM": "false",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Workers import torch before they are ready, which takes its time on a busy machine.
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "300",
    # A trial that is stopped early has so long to end, or the next one in its process fails.
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "600",
    # How soon the end of a worker group is seen; nothing else of ours waits for it.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
}
LOCAL_DRIVERS = 64
CONNECT_SECONDS = 10.0
_ENDLESS = 10**6
_LATE = "timed out during startup"
"""Ray says this by a bare Exception."""
_KEPT: ContextVar[contextlib.ExitStack | None] = ContextVar("kept", default=None)
"""What closes the session that several jobs share."""

DRIVER_ENVIRONMENT = {
    # Trials report to our own tracker; Tune's files would only slow the controller.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Ctrl-C is ours: checkpoints are on disk, so the session can simply end.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_TRAIN_ENABLE_STATE_ACTOR_RECONCILIATION": "0",
    # The new output prints tables of its own even when told to be silent.
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}


class Resources(NamedTuple):
    """What a cluster has, and what it may have."""

    each: tuple[NodeCapacity, ...]
    """What every living node offers."""
    groups: tuple[NodeGroup, ...] = ()
    """Machines that an autoscaler may start, those of them that are there included."""

    @property
    def nodes(self) -> int:
        """Living nodes."""
        return len(self.each)

    @property
    def cpus(self) -> float:
        """Logical CPUs in all."""
        return sum(node.cpus for node in self.each)

    @property
    def gpus(self) -> float:
        """GPUs in all."""
        return sum(node.gpus for node in self.each)

    @property
    def drivers(self) -> float:
        """Places for the drivers of worker groups, so that they never take a CPU from workers."""
        return sum(node.drivers for node in self.each)

    def grown(self, *, at_most: int) -> Resources:
        """Return what there is once an autoscaler has started all it may.

        Parameters
        ----------
        at_most
            Machines of a kind that make a difference.
        """
        return Resources(tuple(grown(self.each, self.groups, at_most=at_most)))

    def __str__(self) -> str:
        gpus = f", {self.gpus:g} GPU" if self.gpus else ", no GPU"
        text = f"{self.nodes} node{'s' * (self.nodes != 1)}, {self.cpus:g} CPU{gpus}"
        if not self.groups:
            return text
        kinds = ", ".join(
            f"up to {kind.most if kind.most < _ENDLESS else 'any number'} of {kind.node.size}"
            for kind in self.groups
        )
        return f"{text} now; machines that come with the work: {kinds}"


@contextlib.contextmanager
def kept_session() -> Iterator[None]:
    """Keep the first session that is opened in the block, for all that follow in it.

    For a command that is made of many jobs: each would start Ray anew, or join the cluster again.
    """
    with contextlib.ExitStack() as stack:
        token = _KEPT.set(stack)
        try:
            yield
        finally:
            _KEPT.reset(token)


@contextlib.contextmanager
def session(address: str | None) -> Iterator[Resources]:
    """Join the cluster at `address`, or start one on this machine for the time of the block.

    Within :func:`kept_session` it stays open, and is used again, until the end of that.

    Parameters
    ----------
    address
        `auto` or HOST:PORT of a running cluster; None: the one in RAY_ADDRESS, which a submitted
        job has set, else a new one on this machine.

    Raises
    ------
    InputError
        When there is no cluster at the address, or this machine is too busy to start one.
    """
    kept = _KEPT.get()
    if kept is None:
        with _session(address) as resources:
            yield resources
    elif ray.is_initialized():
        yield look_around(machine_kinds())
    else:
        yield kept.enter_context(_session(address))


@contextlib.contextmanager
def _session(address: str | None) -> Iterator[Resources]:
    for name, value in DRIVER_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    where = address or os.environ.get("RAY_ADDRESS") or "local"
    _check_listening(where)
    secure_token(make=where == "local")
    with contextlib.ExitStack() as stack:
        _open(where, stack.enter_context(private_folder()) if where == "local" else None)
        stack.callback(ray.shutdown)
        # A handle that is collected afterwards, in whatever thread, ends the process.
        stack.callback(gc.collect)
        _end_by_sigterm()
        yield look_around(machine_kinds())


def _open(where: str, folder: str | None) -> None:
    """Join the cluster at an address, or start a session whose files go to a folder."""
    how: dict[str, Any] = {}
    environment = WORKER_ENVIRONMENT
    if folder is not None:
        environment = WORKER_ENVIRONMENT | local_environment()
        how = {
            "include_dashboard": False,
            "resources": {DRIVER_RESOURCE: LOCAL_DRIVERS},
            "_temp_dir": folder,
        }
    try:
        with loopback_only() if folder is not None else contextlib.nullcontext():
            ray.init(
                address=where,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"env_vars": environment},
                **how,
            )
    except Exception as error:
        if _LATE in str(error):
            raise InputError(
                "Ray did not start within its time on this machine",
                remedy="It may be busy with other work: run the same command again.",
            ) from error
        if not isinstance(error, (ConnectionError, TimeoutError, ValueError)):
            raise
        raise _no_cluster(where, error) from error


def _check_listening(address: str) -> None:
    """Refuse HOST:PORT where nothing listens; Ray itself would try for minutes."""
    if "://" in address:
        return
    try:
        where = urlsplit(f"//{address}")
        if where.hostname and where.port:
            socket.create_connection((where.hostname, where.port), CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> InputError:
    named = os.environ.get("RAY_ADDRESS") == address
    said = (str(error) or type(error).__name__).splitlines()[0].rstrip(". ")
    return InputError(
        f"no Ray cluster answers at {address!r}{' (RAY_ADDRESS)' if named else ''}: {said}",
        remedy="Start one with `ray start --head` or `ray up`, or compute on this machine alone "
        "with --address local.",
    )


def _end_by_sigterm() -> None:
    """End as by Ctrl-C where a batch system or `kill` asks to; Ray's own way is to abort."""
    if threading.current_thread() is not threading.main_thread():
        return

    def interrupt(_: int, frame: FrameType | None) -> None:
        # Tune may have its own way to be interrupted by now.
        handler = signal.getsignal(signal.SIGINT)
        if not callable(handler):
            raise KeyboardInterrupt
        handler(signal.SIGINT, frame)

    signal.signal(signal.SIGTERM, interrupt)


def look_around(groups: Sequence[NodeGroup]) -> Resources:
    """Return what the session that is open has at this moment.

    Parameters
    ----------
    groups
        What an autoscaler may start, which does not change meanwhile.
    """
    return Resources(tuple(living_nodes().values()), tuple(groups))


def living_nodes() -> dict[str, NodeCapacity]:
    """Return the living nodes of the session that is open, by NodeID; no two names are alike."""
    nodes = sorted((node for node in ray.nodes() if node["Alive"]), key=lambda n: n["NodeID"])
    hosts = Counter(node["NodeManagerHostname"] for node in nodes)
    addresses = Counter(node["NodeManagerAddress"] for node in nodes)
    found = {}
    for node in nodes:
        number, address = node["NodeID"], node["NodeManagerAddress"]
        if hosts[name := node["NodeManagerHostname"]] > 1:
            name = address if addresses[address] == 1 else f"{name}#{number[:6]}"
        found[number] = NodeCapacity.of(name, node["Resources"])
    return found
