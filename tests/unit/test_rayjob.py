"""The manifest for KubeRay against its schema, this repository's pins, and itself; nothing is started."""

from __future__ import annotations

import copy
import json
import re
import shlex
from collections.abc import Callable
from typing import Any

import dnasweep
import jsonschema
import kuberay
import pytest
import yaml
from option_toys import COMMANDS, ROOT, flags_of

FILE = ROOT / "clusters" / "rayjob.yaml"
TEXT = FILE.read_text()


@pytest.fixture(scope="module")
def objects() -> dict[str, Any]:
    """The objects of the file, by kind."""
    # Written out and read again: anchors are no part of what Kubernetes sees.
    return {one["kind"]: json.loads(json.dumps(one)) for one in yaml.safe_load_all(TEXT)}


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    if not kuberay.FILE.is_file():
        pytest.skip(f"no schema of KubeRay at {kuberay.FILE}; set DNASWEEP_KUBERAY_CRD")
    return jsonschema.Draft202012Validator(kuberay.schema())


def pods(objects: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the specifications of all pods: the head, the workers, MLflow."""
    cluster = objects["RayJob"]["spec"]["rayClusterSpec"]
    groups = [
        cluster["headGroupSpec"],
        *cluster["workerGroupSpecs"],
        objects["Deployment"]["spec"],
    ]
    return [group["template"]["spec"] for group in groups]


def test_kuberay_takes_it(
    objects: dict[str, Any], validator: jsonschema.Draft202012Validator
) -> None:
    found = [f"{e.json_path}: {e.message}" for e in validator.iter_errors(objects["RayJob"])]
    assert found == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda job: job["spec"].update(entryPoint="x"),
        lambda job: job["spec"]["rayClusterSpec"].pop("headGroupSpec"),
        lambda job: job["spec"].update(backoffLimit="3"),
        lambda job: job["spec"]["rayClusterSpec"]["authOptions"].update(mode="tokens"),
        lambda job: job["spec"]["rayClusterSpec"]["workerGroupSpecs"][0].update(maxReplica=1),
    ],
)
def test_and_would_not_take_it_damaged(
    damage: Callable[[dict], None],
    objects: dict[str, Any],
    validator: jsonschema.Draft202012Validator,
) -> None:
    job = copy.deepcopy(objects["RayJob"])
    damage(job)
    assert list(validator.iter_errors(job))


def test_it_has_our_ray_and_our_version(objects: dict[str, Any]) -> None:
    pins = (ROOT / "constraints.txt").read_text()
    ray = re.search(r"(?m)^ray==(\S+)$", pins)
    assert ray
    assert objects["RayJob"]["spec"]["rayClusterSpec"]["rayVersion"] == ray[1]
    images = {one["image"] for pod in pods(objects) for one in pod["containers"]}
    assert images == {f"REGISTRY/dnasweep:{dnasweep.__version__}-cuda"}


def test_what_it_runs_can_be_typed(objects: dict[str, Any]) -> None:
    program, name, *words = shlex.split(objects["RayJob"]["spec"]["entrypoint"])
    assert program == "dnasweep"
    flags = {word for word in words if word.startswith("--")}
    assert flags >= {"--address", "--storage", "--tracking-uri"}
    assert flags <= flags_of(COMMANDS[name].options)


def test_results_and_records_go_where_they_outlive_the_cluster(objects: dict[str, Any]) -> None:
    words = shlex.split(objects["RayJob"]["spec"]["entrypoint"])
    service = objects["Service"]
    (port,) = service["spec"]["ports"]
    address = f"{service['metadata']['name']}:{port['port']}"
    assert words[words.index("--storage") + 1].startswith("s3://BUCKET/")
    assert words[words.index("--tracking-uri") + 1] == f"http://{address}"
    (server,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    command = server["command"]
    assert address in command[command.index("--allowed-hosts") + 1].split(",")
    assert command[command.index("--artifacts-destination") + 1].startswith("s3://BUCKET/")
    store = command[command.index("--backend-store-uri") + 1]
    mounts = {mount["mountPath"]: mount["name"] for mount in server["volumeMounts"]}
    assert store.removeprefix("sqlite:///").rpartition("/")[0] in mounts
    claims = [pod["volumes"] for pod in pods(objects)][-1]
    claim = next(v for v in claims if v["name"] == mounts["/mlflow"])["persistentVolumeClaim"]
    assert claim["claimName"] == objects["PersistentVolumeClaim"]["metadata"]["name"]


def test_mlflow_is_reached_by_the_sweep_and_nobody_else(objects: dict[str, Any]) -> None:
    labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
    policy = objects["NetworkPolicy"]["spec"]
    assert objects["Service"]["spec"]["selector"] == labels
    assert policy["podSelector"]["matchLabels"] == labels
    ((rule),) = policy["ingress"]
    ((peer),) = rule["from"]
    cluster = objects["RayJob"]["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert group["template"]["metadata"]["labels"] == peer["podSelector"]["matchLabels"]


def test_no_container_has_rights_that_it_does_not_need(objects: dict[str, Any]) -> None:
    for pod in pods(objects):
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] == 1000
        writable = {v["name"] for v in pod["volumes"] if "emptyDir" in v}
        for one in pod["containers"]:
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"/tmp"} == {
                mount["mountPath"] for mount in one["volumeMounts"] if mount["name"] in writable
            }


def test_secrets_are_named_and_not_written(objects: dict[str, Any]) -> None:
    for pod in pods(objects):
        for one in pod["containers"]:
            assert one["envFrom"] == [{"secretRef": {"name": "dnasweep-bucket"}}]
            assert not [e for e in one.get("env", []) if re.search("KEY|TOKEN|SECRET", e["name"])]
    assert objects["RayJob"]["spec"]["rayClusterSpec"]["authOptions"] == {"mode": "token"}


def test_training_lands_on_gpus_alone(objects: dict[str, Any]) -> None:
    cluster = objects["RayJob"]["spec"]["rayClusterSpec"]
    head = cluster["headGroupSpec"]["rayStartParams"]
    assert head["num-cpus"] == "0"
    # KubeRay hands the value to a shell, whence the quotes around the JSON.
    assert json.loads(*shlex.split(head["resources"])) == {"train_driver": 12}
    for group in cluster["workerGroupSpecs"]:
        (one,) = group["template"]["spec"]["containers"]
        assert one["resources"]["limits"]["nvidia.com/gpu"] == "1"


def test_everything_to_change_is_said_at_the_top() -> None:
    head, _, rest = TEXT.partition("\napiVersion")
    for word in set(re.findall(r"\b(?:REGISTRY|BUCKET)\b|dnasweep-[a-z]+", rest)):
        assert word in head, word
