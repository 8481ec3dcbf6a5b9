"""Fixtures of all tests: a quiet environment, real data if available, a small Ray cluster."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from real_data import REAL

if TYPE_CHECKING:
    from object_store import ObjectStore

ROOT = Path(__file__).resolve().parents[1]

# Set before Ray, MLflow or a tokenizer is imported, because they read these only then.
os.environ.update(
    HF_HUB_OFFLINE="1",
    MLFLOW_DISABLE_TELEMETRY="true",
    MPLBACKEND="Agg",
    OMP_NUM_THREADS="1",
    RAY_AUTH_MODE="disabled",
    RAY_TRAIN_ENABLE_STATE_ACTOR_RECONCILIATION="0",
    RAY_TRAIN_HEALTH_CHECK_INTERVAL_S="0.2",
    RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S="30",
    RAY_USAGE_STATS_ENABLED="0",
    TOKENIZERS_PARALLELISM="false",
    TUNE_DISABLE_AUTO_CALLBACK_LOGGERS="1",
)
for name in ("RAY_ADDRESS", "MLFLOW_TRACKING_URI"):
    # A test must never reach a cluster or server in use.
    os.environ.pop(name, None)

MARKS_BY_FOLDER = {"ray": ("ray",), "chaos": ("ray", "chaos")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder, and run those that start Ray first.

    They are the longest files, so no worker is still busy with one when all others have finished.
    """
    items.sort(key=lambda item: not MARKS_BY_FOLDER.get(item.path.parent.name))
    for item in items:
        for mark in MARKS_BY_FOLDER.get(item.path.parent.name, ()):
            item.add_marker(mark)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests that need a GPU if there is none."""
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a GPU")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Reset torch to one thread after each test, because sums depend on the number of threads."""
    yield
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets; the test is skipped if there is none."""
    if not REAL.is_dir():
        pytest.skip(f"no real data at {REAL}; set DNASWEEP_REAL_DATA")
    return REAL


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[None]:
    """A Ray cluster of two CPUs on this machine, for the tests of one module."""
    import ray

    ray.init(
        address="local",
        num_cpus=2,
        num_gpus=0,
        object_store_memory=200 * 2**20,
        include_dashboard=False,
        log_to_driver=False,
    )
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def _object_store() -> Iterator[ObjectStore]:
    # Imported here because it imports a web server.
    from object_store import ObjectStore

    store = ObjectStore()
    yield store
    store.close()


@pytest.fixture
def object_store(_object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """An S3 endpoint on this machine, with credentials for it in the environment."""
    from object_store import ENVIRONMENT

    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    _object_store.requests.clear()
    return _object_store


@pytest.fixture(scope="session")
def script_help() -> Callable[[str], str]:
    """Return what a script of this repository prints for `--help`; each runs once per session."""

    @functools.cache
    def run(script: str) -> str:
        # COLUMNS: tyro wraps at the width of the terminal and would split long flags.
        done = subprocess.run(
            [sys.executable, script, "--help"],
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{script} --help failed:\n{done.stderr}"
        return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)

    return run


@pytest.fixture(scope="session")
def script_flags(script_help: Callable[[str], str]) -> Callable[[str], set[str]]:
    """Return the flags of a script of this repository."""
    return lambda script: set(re.findall(r"(?<![\w-])--[a-z][a-z0-9.-]*", script_help(script)))
