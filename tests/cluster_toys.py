"""The cluster files of the repository, read by tests."""

from __future__ import annotations

import itertools
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
FILES = ("cluster.yaml", "clusters/cluster.gcp.yaml", "clusters/cluster.onprem.yaml")
CLOUDS = FILES[:2]
EXTRAS = dict(zip(FILES, ("aws", "gcp", "onprem"), strict=True))
every_file = pytest.mark.parametrize("name", FILES)
every_cloud = pytest.mark.parametrize("name", CLOUDS)


def load(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / name).read_text())


def commands(cluster: dict[str, Any]) -> list[str]:
    return [line for key, lines in cluster.items() if key.endswith("commands") for line in lines]


def option(command: str, name: str) -> str | None:
    """Return the value of an option in a shell command, or None."""
    words = shlex.split(command)
    values = [w.split("=", 1)[1] for w in words if w.startswith(f"{name}=")]
    values += [after for word, after in itertools.pairwise(words) if word == name]
    assert len(values) <= 1
    return values[0] if values else None
