"""Jobs that compute in the process itself and are killed: the same bytes as undisturbed, and nothing twice."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from shap_processes import ROOT
from shap_toys import write_model, write_sequences

ENOUGH = 2
NUM = {"marginalize": 160, "design": 32}
"""Rows of the job, of several shards."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

JOBS = {
    "marginalize": [
        "--motif",
        "CCGGAAGT",
        "--other",
        "AGATAAGG",
        "--spacings",
        "2..20",
        "--crop",
        "51",
    ],
    "design": ["--edits", "4", "--explained", "2"],
}

UNITS = {"marginalize": "backgrounds", "design": "sequences"}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    write_sequences(folder / "toy.csv", NUM["design"])
    return write_model(folder / "model"), folder / "toy.csv"


def start(job: str, storage: Path, inputs: tuple[Path, Path]) -> subprocess.Popen[str]:
    model, data = inputs
    number = ["--backgrounds", str(NUM[job])] if job == "marginalize" else []
    return subprocess.Popen(
        [
            *(sys.executable, f"jobs/{job}.py", "--model", str(model), "--data", str(data)),
            *("--storage", str(storage), "--tracking-uri", "none"),
            *JOBS[job],
            *number,
        ],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "150"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def shards(storage: Path) -> dict[str, tuple[int, float]]:
    """Every file of every shard of designs or marginals that is there, and when it was made."""
    found = sorted(storage.glob("[dm]*/*/shards/*/*"))
    return {str(p.relative_to(storage)): (p.stat().st_ino, p.stat().st_mtime) for p in found}


def folders(storage: Path) -> set[Path]:
    """The shards that are there."""
    return {Path(name).parent for name in shards(storage)}


def results(storage: Path) -> dict[str, bytes]:
    """The tables and the page, without the line that tells the command."""
    found = sorted(storage.glob("*/*/results*/*"))
    return {p.name: p.read_bytes() for p in found if p.suffix in (".parquet", ".csv", ".fa")}


@pytest.mark.parametrize("job", JOBS)
def test_killed_and_run_again_gives_the_same_bytes_and_computes_no_shard_twice(
    job: str, inputs: tuple[Path, Path], tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    said, _ = start(job, whole, inputs).communicate(timeout=500)
    assert results(whole), said
    number = len(folders(whole))
    process = start(job, cut, inputs)
    deadline = time.monotonic() + 400
    while len(folders(cut)) < ENOUGH:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.communicate(timeout=60)
    before, done = shards(cut), len(folders(cut))
    assert ENOUGH <= done < number, "killed in the middle"
    again = start(job, cut, inputs)
    said, _ = again.communicate(timeout=500)
    assert again.returncode == 0, said
    assert f" {NUM[job] * (number - done) // number} {UNITS[job]} in" in said
    after = shards(cut)
    assert {name: after[name] for name in before} == before, "a finished shard was made again"
    assert results(cut) == results(whole)
