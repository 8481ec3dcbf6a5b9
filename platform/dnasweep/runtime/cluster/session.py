"""A Ray session, joined or started, and its resources."""

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
from typing import Any, Literal
from urllib.parse import urlsplit

import ray

from dnasweep.errors import InputError
from dnasweep.models.encoder.precision import resolve_here
from dnasweep.runtime.cluster.autoscaler import machine_kinds
from dnasweep.runtime.cluster.loopback import local_environment, private_folder
from dnasweep.runtime.cluster.placement import (
    DRIVER_RESOURCE,
    NodeCapacity,
    NodeGroup,
    Resources,
)
from dnasweep.runtime.cluster.token import secure_token
from dnasweep.runtime.ray_private import loopback_only

WORKER_ENVIRONMENT = {
    "TOKENIZERS_PARALLELISM": "false",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Workers import torch before they are ready, which takes a while on a busy machine.
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "300",
    # A trial that is stopped early has this much time to end; otherwise the next one in its
    # process fails.
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "600",
    # This determines how soon the end of a worker group is noticed, and nothing else here.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
}
DRIVER_ENVIRONMENT = {
    # Trials report to the platform's own tracker; Tune's files would only slow the controller.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Ctrl-C is handled by this package: checkpoints are on disk, so the session can simply end.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_TRAIN_ENABLE_STATE_ACTOR_RECONCILIATION": "0",
    # The new output prints tables even if it is configured to be silent.
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}
LOCAL_DRIVERS = 64
CONNECT_SECONDS = 10.0
_STARTUP_TIMEOUT = "timed out during startup"
"""Ray's message, in a plain Exception, if it does not start in time."""
_SHARED: ContextVar[contextlib.ExitStack | None] = ContextVar("shared", default=None)
"""Closes the session shared by several jobs."""


@contextlib.contextmanager
def kept_session() -> Iterator[None]:
    """Keep the first session opened in the block, and reuse it for the rest of the block.

    This is for commands with many jobs, each of which would otherwise start Ray or join the
    cluster again.
    """
    with contextlib.ExitStack() as stack:
        token = _SHARED.set(stack)
        try:
            yield
        finally:
            _SHARED.reset(token)


@contextlib.contextmanager
def session(address: str | None) -> Iterator[Resources]:
    """Join the cluster at an address, or start one on this machine, for the duration of the block.

    Within :func:`kept_session` the session stays open until the end of that block.

    Parameters
    ----------
    address
        `auto` or HOST:PORT of a running cluster. None: the one in RAY_ADDRESS, which Ray sets for a
        submitted job, else a new one on this machine.

    Raises
    ------
    InputError
        If there is no cluster at the address, or this machine is too busy to start one.
    """
    shared = _SHARED.get()
    if shared is None:
        with _session(address) as resources:
            yield resources
    elif ray.is_initialized():
        yield look_around(machine_kinds())
    else:
        yield shared.enter_context(_session(address))


@contextlib.contextmanager
def _session(address: str | None) -> Iterator[Resources]:
    for name, value in DRIVER_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    where = address or os.environ.get("RAY_ADDRESS") or "local"
    _check_listening(where)
    secure_token(make=where == "local")
    with contextlib.ExitStack() as stack:
        _init_ray(where, stack.enter_context(private_folder()) if where == "local" else None)
        stack.callback(ray.shutdown)
        # An actor handle that is collected after the shutdown, in any thread, ends the process.
        stack.callback(gc.collect)
        _end_by_sigterm()
        yield look_around(machine_kinds())


def _init_ray(address: str, folder: str | None) -> None:
    """Join the cluster at an address, or start a session whose files go to a folder."""
    options: dict[str, Any] = {}
    environment = WORKER_ENVIRONMENT
    if folder is not None:
        environment = WORKER_ENVIRONMENT | local_environment()
        options = {
            "include_dashboard": False,
            "resources": {DRIVER_RESOURCE: LOCAL_DRIVERS},
            "_temp_dir": folder,
        }
    try:
        with loopback_only() if folder is not None else contextlib.nullcontext():
            ray.init(
                address=address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={"env_vars": environment},
                **options,
            )
    except Exception as error:
        if _STARTUP_TIMEOUT in str(error):
            raise InputError(
                "Ray did not start in time on this machine",
                remedy="It may be busy with other work: run the same command again.",
            ) from error
        if not isinstance(error, (ConnectionError, TimeoutError, ValueError)):
            raise
        raise _no_cluster(address, error) from error


def _check_listening(address: str) -> None:
    """Refuse HOST:PORT if nothing listens there; Ray itself would try for minutes."""
    if "://" in address:
        return
    try:
        where = urlsplit(f"//{address}")
        if where.hostname and where.port:
            socket.create_connection((where.hostname, where.port), CONNECT_SECONDS).close()
    except (OSError, ValueError) as error:
        raise _no_cluster(address, error) from error


def _no_cluster(address: str, error: Exception) -> InputError:
    source = " (RAY_ADDRESS)" if os.environ.get("RAY_ADDRESS") == address else ""
    reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(". ")
    return InputError(
        f"no Ray cluster answers at {address!r}{source}: {reason}",
        remedy="Start one with `ray start --head` or `ray up`, or compute on this machine alone "
        "with --address local.",
    )


def _end_by_sigterm() -> None:
    """Treat SIGTERM, from a batch system or `kill`, like Ctrl-C; Ray itself would abort."""
    if threading.current_thread() is not threading.main_thread():
        return

    def interrupt(_: int, frame: FrameType | None) -> None:
        # The handler is looked up now, because Tune may have installed its own.
        handler = signal.getsignal(signal.SIGINT)
        if not callable(handler):
            raise KeyboardInterrupt
        handler(signal.SIGINT, frame)

    signal.signal(signal.SIGTERM, interrupt)


def look_around(groups: Sequence[NodeGroup]) -> Resources:
    """Return the current resources of the open session.

    Parameters
    ----------
    groups
        Node groups that an autoscaler may start; constant during a session.
    """
    return Resources(tuple(living_nodes().values()), tuple(groups))


def living_nodes() -> dict[str, NodeCapacity]:
    """Return the living nodes of the open session by NodeID, each with a unique name."""
    nodes = sorted((node for node in ray.nodes() if node["Alive"]), key=lambda n: n["NodeID"])
    hosts = Counter(node["NodeManagerHostname"] for node in nodes)
    addresses = Counter(node["NodeManagerAddress"] for node in nodes)
    found = {}
    for node in nodes:
        node_id, address = node["NodeID"], node["NodeManagerAddress"]
        if hosts[name := node["NodeManagerHostname"]] > 1:
            name = address if addresses[address] == 1 else f"{name}#{node_id[:6]}"
        found[node_id] = NodeCapacity.of(name, node["Resources"])
    return found


def resolve_precision(
    asked: Literal["auto", "fp32", "bf16"], *, gpus: float | None, address: str | None
) -> Literal["fp32", "bf16"]:
    """Return the precision of a complete sweep or job: `auto` is bf16 if its GPUs compute in it.

    The precision affects results and is therefore part of their keys. If each worker chose its
    own, a sweep could mix both, and a later sweep on other machines would find results of the
    wrong precision.

    Parameters
    ----------
    asked
        The option `--precision`.
    gpus
        GPUs of a worker, as given; None: one if there are any, as workers get them.
    address
        Ray cluster to join and ask; None: RAY_ADDRESS, else this machine.

    Raises
    ------
    InputError
        If there is no cluster at the address.
    """
    here = (address or os.environ.get("RAY_ADDRESS") or "local") == "local"
    if asked != "auto" or gpus == 0 or here:
        # Also in an open session on this machine, so that all tasks of a suite compute alike.
        return resolve_here(asked, gpus=gpus)
    if ray.is_initialized():
        return _arithmetic(look_around(machine_kinds()), gpus)
    with session(address) as resources:
        return _arithmetic(resources, gpus)


def _arithmetic(resources: Resources, gpus: float | None) -> Literal["fp32", "bf16"]:
    """Return the precision on a cluster; requested GPUs may join it later."""
    possible = resources.grown(at_most=1)
    if any(node.gpus and node.emulates_bf16 for node in possible.each):
        return "fp32"
    return "bf16" if gpus or possible.gpus else "fp32"
