"""The private parts of Ray are those that were checked, and they stand in one file."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest
import ray
from dnasweep.runtime.ray_private import (
    CHECKED_WITH,
    loopback_only,
    process_group_setup,
    withhold_from_trials,
)
from dnasweep.runtime.training.rendezvous import set_up_on_loopback
from ray._private import ray_constants, services
from ray._private.state import GlobalState
from ray.train.torch import TorchConfig
from ray.train.torch import config as ray_torch
from ray.tune.execution import class_cache

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "platform" / "dnasweep"
FILES = {"ray": "runtime/ray_private.py"}
"""Library: the one file that may use its private parts; of MLflow none are used."""
PRIVATE = re.compile(
    r"(ray|mlflow)\.(.*\.)?_\w+.*|ray\.core\..*|ray\.tune\.execution\..*|mlflow\.utils\..*"
)


def test_the_installed_ray_is_the_one_that_was_checked() -> None:
    assert ray.__version__ == CHECKED_WITH, (
        f"runtime/ray_private.py was checked with Ray {CHECKED_WITH}, and {ray.__version__} is "
        "installed: try each of its functions with the new version, then change CHECKED_WITH"
    )
    pinned = re.search(r"^ray==(\S+)", (ROOT / "constraints.txt").read_text(), re.M)
    assert pinned is not None
    assert pinned[1] == CHECKED_WITH, "constraints.txt names another version of Ray"


def private_parts(path: Path) -> set[str]:
    """Return the dotted names of private parts of Ray and MLflow that a module uses."""
    module = ast.parse(path.read_text())
    names, found = {}, set()
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
                found.add(alias.name)
    found |= set(names.values())
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute):
            base, _, rest = ast.unparse(node).partition(".")
            if base in names:
                found.add(f"{names[base]}.{rest}")
    return {name for name in found if PRIVATE.fullmatch(name)}


@pytest.mark.parametrize(
    "path",
    sorted(PACKAGE.rglob("*.py")),
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_private_parts_stand_in_one_file_of_each_library(path: Path) -> None:
    here = path.relative_to(PACKAGE).as_posix()
    wrong = {name for name in private_parts(path) if FILES.get(name.split(".")[0]) != here}
    assert not wrong, "use them through the file that names the version they were checked with"


@pytest.mark.parametrize(
    "line",
    ["from ray._private import state", "from ray._raylet import GcsClient", "import mlflow.utils.x",
     "from ray.train.torch import config as c\nc._setup_torch_process_group",
     "import mlflow\nmlflow.tracking._service.x", "from ray.tune.execution import class_cache"],
)  # fmt: skip
def test_a_private_part_is_seen(line: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(line)
    assert private_parts(tmp_path / "module.py")


def test_a_session_can_listen_on_loopback_alone() -> None:
    # Of another version, look at `resolve_ip_for_localhost` in Ray's `services.py`.
    assert ray_constants.ENABLE_RAY_CLUSTER is True
    with loopback_only():
        assert services.resolve_ip_for_localhost("127.0.0.1") == "127.0.0.1"
    assert ray_constants.ENABLE_RAY_CLUSTER is True


def test_process_groups_are_set_up_by_our_function() -> None:
    # Of another version, look at `_TorchBackend.on_start`.
    theirs = ray_torch._setup_torch_process_group
    parameters = inspect.signature(theirs).parameters
    assert list(inspect.signature(set_up_on_loopback).parameters) == list(parameters)
    backend = TorchConfig().backend_cls
    assert "_setup_torch_process_group" in inspect.getsource(backend.on_start)
    with process_group_setup(set_up_on_loopback):
        assert ray_torch._setup_torch_process_group is set_up_on_loopback
    assert ray_torch._setup_torch_process_group is theirs


def test_credentials_are_withheld_from_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "TUNE_X"}
    assert isinstance(class_cache.ENV_VARS_TO_PROPAGATE, set)
    monkeypatch.setattr(class_cache, "ENV_VARS_TO_PROPAGATE", names)
    withhold_from_trials("AWS_")
    assert names == {"TUNE_X"}


@pytest.mark.parametrize(
    "name", ["get_cluster_config", "get_draining_nodes", "_connect_and_get_accessor"]
)
def test_the_state_of_a_cluster_is_asked_for_by_these_names(name: str) -> None:
    assert callable(getattr(GlobalState, name))


def test_a_node_is_drained_by_these_names() -> None:
    from ray._raylet import GcsClient, InnerGcsClient
    from ray.core.generated.autoscaler_pb2 import DrainNodeReason
    from ray.core.generated.gcs_pb2 import PlacementGroupTableData

    # The outer class passes every call on to the inner one.
    assert hasattr(GcsClient, "__getattr__")
    assert callable(InnerGcsClient.drain_node)
    assert DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION") > 0
    fields = set(PlacementGroupTableData.DESCRIPTOR.fields_by_name)
    assert fields >= {
        "creator_job_id", "creator_actor_id", "creator_actor_dead", "is_detached", "state",
        "placement_group_id",
    }  # fmt: skip
