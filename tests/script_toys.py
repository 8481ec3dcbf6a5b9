"""Scripts run as their users run them, and what they leave in the storage."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def start(
    script: str, storage: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, script, "--storage", str(storage), *arguments],
        # Ray is slow to say goodbye to a terminal that is not there.
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "150", **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(
    script: str,
    storage: Path,
    *arguments: str,
    expect: int = 0,
    environment: Mapping[str, str] | None = None,
) -> str:
    process = start(script, storage, *arguments, environment=environment)
    output, _ = process.communicate(timeout=280)
    assert process.returncode == expect, output
    assert "Traceback" not in output, output
    return output


def published(storage: Path, kind: str) -> dict[str, float]:
    """Keys of an artefact kind and when each was published."""
    folder = storage / kind
    return {p.name: p.stat().st_mtime for p in folder.iterdir()} if folder.is_dir() else {}
