"""The benchmark of many trials and shards still runs; its numbers are looked at by people."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_benchmark_of_scale_runs(tmp_path: Path) -> None:
    report, plot = tmp_path / "scale.json", tmp_path / "scale.svg"
    command = [sys.executable, str(BENCHMARKS / "scale.py"), "--quick"]
    done = subprocess.run(
        [*command, "--report", str(report), "--plot", str(plot)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(report.read_text())
    (trials,), (shards,) = found["trials"], found["shards"]
    assert trials["trials"] == trials["finished"] == 8
    assert trials["missing"] == trials["not_uploaded"] == 0
    assert shards["shards"] == 30
    # A part that is no longer called has no seconds.
    parts = {
        "Ray Tune",
        "Ray Tune alone",
        "event log",
        "display",
        "look-ups",
        "MLflow, in a thread beside",
        "records",
        "report: page",
    }
    assert {part for part, seconds in trials["seconds"].items() if seconds > 0} >= parts
    assert shards["seconds_each"].keys() >= {
        "begin",
        "publish",
        "pool of actors",
        "Ray Data alone",
    }
    assert "sum" in done.stdout
    assert plot.read_text().lstrip().startswith("<?xml")
