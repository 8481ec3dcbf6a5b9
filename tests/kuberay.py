"""KubeRay's published schema of a RayJob: tests that need it skip where it is not."""

from __future__ import annotations

import lzma
import os
from pathlib import Path
from typing import Any

import yaml

FILE = Path(
    os.environ.get("DNASWEEP_KUBERAY_CRD")
    or Path(__file__).resolve().parents[2]
    / "shared"
    / "cluster_lab"
    / "kuberay"
    / "rayjobs.crd.v1.7.0.yaml.xz"
)
"""`helm-chart/kuberay-operator/crds/ray.io_rayjobs.yaml` of KubeRay, compressed; it may not be there."""


def schema() -> dict[str, Any]:
    """Return the schema, in which what it does not know is an error."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    definition = yaml.load(lzma.decompress(FILE.read_bytes()), loader)
    (version,) = [one for one in definition["spec"]["versions"] if one["name"] == "v1"]
    strict = _strict(version["schema"]["openAPIV3Schema"])
    strict["properties"]["metadata"] = {"type": "object"}
    return strict


def _strict(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    if part.get("x-kubernetes-int-or-string"):
        return {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    made = {}
    for name, value in part.items():
        if name == "properties":
            value = {key: _strict(inner) for key, inner in value.items()}
        elif name in ("items", "additionalProperties"):
            value = _strict(value)
        made[name] = value
    if "properties" in made and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    if made.get("nullable") and "type" in made:
        made["type"] = [made["type"], "null"]
    return made
