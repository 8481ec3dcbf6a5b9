"""The cluster files against Ray's own schema and this repository's pins; nothing is started."""

from __future__ import annotations

import copy
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from cluster_toys import (
    CLOUDS,
    EXTRAS,
    FILES,
    ROOT,
    commands,
    every_cloud,
    every_file,
    load,
    option,
)


def prepared(cluster: dict[str, Any]) -> dict[str, Any]:
    """Return the file as `ray up` sees it; raises what `ray up` would raise."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    full = prepare_config(copy.deepcopy(cluster))
    validate_config(full)
    return full


def pin(package: str) -> str:
    name = re.sub("[-_]", "[-_]", package)
    found = re.search(rf"(?mi)^{name}==(\S+)$", (ROOT / "constraints.txt").read_text())
    assert found, f"{package} is not pinned"
    return found[1]


@every_file
def test_ray_accepts_it(name: str) -> None:
    full = prepared(load(name))
    assert full["cluster_name"] == "dnasweep"
    assert full["provider"]["type"] == {"cluster.yaml": "aws"}.get(name) or full["provider"][
        "type"
    ] in ("gcp", "local")


@every_file
def test_ray_would_refuse_a_key_it_does_not_know(name: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        prepared(load(name) | {"max_wrokers": 4})


def test_every_cluster_file_is_held_here() -> None:
    found = [ROOT / "cluster.yaml", *(ROOT / "clusters").glob("cluster.*.yaml")]
    assert {path.relative_to(ROOT).as_posix() for path in found} == set(FILES)


@every_cloud
def test_image_has_our_ray_and_our_python(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    python = project["requires-python"].removeprefix(">=").replace(".", "")
    assert load(name)["docker"]["image"] == f"rayproject/ray:{pin('ray')}-py{python}-gpu"


def test_our_own_machines_make_our_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    python = "python" + project["requires-python"].removeprefix(">=")
    made = [c for c in load(FILES[2])["setup_commands"] if "-m venv" in c]
    assert len(made) == 1
    assert f"{python} -m venv" in made[0]


@every_file
def test_mounts_exist_and_leave_the_bulky_things_at_home(name: str) -> None:
    cluster = load(name)
    for source in cluster["file_mounts"].values():
        # ~/.ray/ holds the token, which the comment on top or docs/how_to/clusters.md says how to make.
        assert source == "~/.ray/" or (ROOT / source).exists()
    assert {".git", ".venv", "runs"} <= set(cluster["rsync_exclude"])
    assert all((ROOT / name).is_file() for name in cluster["rsync_filter"])


@every_file
def test_installs_from_the_pins(name: str) -> None:
    cluster = load(name)
    installs = [c for c in commands(cluster) if "pip install" in c]
    assert len(installs) == (2 if name == FILES[2] else 3)
    assert all("-c constraints.txt" in command for command in installs)
    # torch first and alone, or another build of it could come with something else.
    assert "grep '^torch==' constraints.txt" in installs[0]
    assert pin("torch")
    wanted = {
        extra
        for c in installs
        for found in re.findall(r"\.\[(.*?)\]", c)
        for extra in found.split(",")
    }
    assert wanted == {EXTRAS[name]}


@pytest.mark.parametrize("extra", [*EXTRAS.values(), "postgres", "dev"])
def test_extras_are_pinned(extra: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert all(
        pin(re.split(r"[\[<>=]", package)[0])
        for package in project["optional-dependencies"][extra]
    )


@every_cloud
def test_training_lands_on_gpu_machines_only(name: str) -> None:
    types = load(name)["available_node_types"]
    head = types.pop(load(name)["head_node_type"])
    assert head["resources"]["CPU"] == 0
    assert head["resources"]["train_driver"] > 0
    assert all(kind["resources"]["GPU"] >= 1 for kind in types.values())


def test_the_resource_for_drivers_has_its_name_everywhere() -> None:
    from dnasweep.runtime.cluster.placement import DRIVER_RESOURCE

    for name in CLOUDS:
        assert DRIVER_RESOURCE in load(name)["available_node_types"]["head"]["resources"]
    start = next(c for c in load(FILES[2])["head_start_ray_commands"] if "--head" in c)
    assert yaml.safe_load(option(start, "--resources") or "") == {DRIVER_RESOURCE: 12}
    assert (option(start, "--num-cpus"), option(start, "--num-gpus")) == ("0", "0")


@every_cloud
def test_machines_come_with_the_work_and_go_without(name: str) -> None:
    cluster = load(name)
    workers = {k: v for k, v in cluster["available_node_types"].items() if k != "head"}
    assert sorted((w["min_workers"], w["max_workers"]) for w in workers.values()) == [
        (0, 0),
        (0, 8),
    ]
    assert cluster["max_workers"] == 8
    assert cluster["idle_timeout_minutes"] >= 10
    assert cluster["provider"]["cache_stopped_nodes"] is False


@every_cloud
def test_spot_is_a_choice_and_never_the_heads(name: str) -> None:
    types = load(name)["available_node_types"]
    spot = {
        kind
        for kind, found in types.items()
        if "InstanceMarketOptions" in found["node_config"]
        or found["node_config"].get("scheduling", {}).get("provisioningModel") == "SPOT"
    }
    assert spot == {"gpu-spot"}
    # Otherwise the two kinds are one.
    plain, cheap = (dict(types[kind]["node_config"]) for kind in ("gpu", "gpu-spot"))
    for kind in (plain, cheap):
        kind.pop("InstanceMarketOptions", None)
        kind.pop("scheduling", None)
    assert plain == cheap


def test_our_own_machines_are_started_by_the_autoscaler_that_starts_them() -> None:
    cluster = load(FILES[2])
    full = prepared(cluster)
    (kind,) = full["available_node_types"].values()
    assert kind["min_workers"] == kind["max_workers"] == len(cluster["provider"]["worker_ips"])
    start = next(c for c in cluster["head_start_ray_commands"] if "--head" in c)
    # `ray up` exports 1 before the command, so it has to be said in it.
    assert "RAY_enable_autoscaler_v2=0 ray start --head" in start
    assert option(start, "--node-ip-address") == cluster["provider"]["head_ip"]


def test_our_own_machines_find_each_other_without_a_gpu(tmp_path: Path) -> None:
    command = next(c for c in load(FILES[2])["setup_commands"] if c.startswith("printf"))
    tools = tmp_path / "bin"
    tools.mkdir()
    for route, expected in (
        ("default via 10.0.0.1 dev enp3s0 proto dhcp metric 100", "enp3s0"),
        ("default dev bond0 scope link", "bond0"),
        ("", None),
    ):
        (tools / "ip").write_text(f"#!/bin/sh\necho '{route}'\n")
        (tools / "ip").chmod(0o755)
        target = tmp_path / "environment"
        script = command.replace("/opt/dnasweep/environment", str(target))
        path = f"{tools}:/usr/bin:/bin"
        subprocess.run(["bash", "-c", script], env={"PATH": path}, check=True)
        done = subprocess.run(
            [
                "bash",
                "-c",
                f'. {target}; echo "$PATH|$RAY_AUTH_MODE|${{GLOO_SOCKET_IFNAME-none}}"',
            ],
            env={"PATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
        found = done.stdout.strip().split("|")
        assert found == [f"/opt/dnasweep/venv/bin:{path}", "token", expected or "none"]
