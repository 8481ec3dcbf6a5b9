"""cluster.yaml against Ray's own schema and this repository's pins; nothing is started."""

from __future__ import annotations

import copy
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def cluster() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "cluster.yaml").read_text())


def prepared(cluster: dict[str, Any]) -> dict[str, Any]:
    """Return the file as `ray up` sees it; raises what `ray up` would raise."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    full = prepare_config(copy.deepcopy(cluster))
    validate_config(full)
    return full


def pin(package: str) -> str:
    found = re.search(rf"(?m)^{package}==(\S+)$", (ROOT / "constraints.txt").read_text())
    assert found, f"{package} is not pinned"
    return found[1]


def test_ray_accepts_it(cluster: dict[str, Any]) -> None:
    full = prepared(cluster)
    assert full["cluster_name"] == "dnasweep"
    assert full["available_node_types"]["head"]["max_workers"] == 0


def test_ray_would_refuse_a_key_it_does_not_know(cluster: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        prepared(cluster | {"max_wrokers": 4})


def test_image_has_our_ray_and_our_python(cluster: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    python = project["requires-python"].removeprefix(">=").replace(".", "")
    assert cluster["docker"]["image"] == f"rayproject/ray:{pin('ray')}-py{python}-gpu"


def test_mounts_exist_and_leave_the_bulky_things_at_home(cluster: dict[str, Any]) -> None:
    for source in cluster["file_mounts"].values():
        # ~/.ray/ holds the token, which the comment on top says how to make.
        assert source == "~/.ray/" or (ROOT / source).exists()
    assert {".git", ".venv", "runs"} <= set(cluster["rsync_exclude"])
    assert all((ROOT / name).is_file() for name in cluster["rsync_filter"])


def test_every_process_shows_the_token(cluster: dict[str, Any]) -> None:
    assert "-e RAY_AUTH_MODE=token" in cluster["docker"]["run_options"]
    assert cluster["file_mounts"]["~/.ray/"] == "~/.ray/"
    # Containers see what `docker run` sets; a variable in one command would miss the others.
    commands = cluster["head_start_ray_commands"] + cluster["worker_start_ray_commands"]
    assert not any("RAY_AUTH_MODE" in command for command in commands)


def test_there_are_machines_to_plan_with_and_they_end_when_idle(cluster: dict[str, Any]) -> None:
    gpu = cluster["available_node_types"]["gpu"]
    assert 0 < gpu["min_workers"] <= gpu["max_workers"] <= cluster["max_workers"]
    assert cluster["idle_timeout_minutes"] >= 10
    assert cluster["provider"]["cache_stopped_nodes"] is False
    assert "--autoscaling-config" in " ".join(cluster["head_start_ray_commands"])


def test_training_lands_on_gpu_machines_only(cluster: dict[str, Any]) -> None:
    types = cluster["available_node_types"]
    assert types["head"]["resources"]["CPU"] == 0
    assert types["gpu"]["resources"]["GPU"] >= 1
    assert "InstanceMarketOptions" not in types["head"]["node_config"]


def test_installs_from_the_pins(cluster: dict[str, Any]) -> None:
    installs = [
        c for c in cluster["setup_commands"] + cluster["head_setup_commands"] if "pip" in c
    ]
    assert installs
    assert all("-c constraints.txt" in command for command in installs)
    assert pin("torch")
    assert pin("boto3")
