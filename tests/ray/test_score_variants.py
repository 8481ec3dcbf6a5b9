"""Variants by their script: bad input, a whole job, the same again, and a job that is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from shap_toys import write_model
from variant_toys import chromosome, write_genome, write_vcf

pytestmark = pytest.mark.timeout(900)

ROOT = Path(__file__).resolve().parents[2]
BASES = chromosome(3000)


def write_inputs(folder: Path, num: int) -> None:
    """Write a model, a genome, and a VCF of `num` substitutions and one with a wrong REF."""
    write_model(folder / "model")
    write_genome(folder / "g.fa", chr1=BASES)
    turn = dict(zip("ACGT", "CGTA", strict=True))
    lines = [f"chr1 {i + 20} v{i} {BASES[i + 19]} {turn[BASES[i + 19]]} . . ." for i in range(num)]
    write_vcf(folder / "x.vcf", [*lines, f"chr1 2999 bad {turn[BASES[2998]]} A . . ."])


def command(folder: Path, storage: Path, *more: str) -> list[str]:
    return [
        *(sys.executable, "jobs/score_variants.py", "--model", str(folder / "model")),
        *("--genome", str(folder / "g.fa"), "--data", str(folder / "x.vcf"), "--window", "61"),
        *("--storage", str(storage), "--backgrounds", "3", *more),
    ]


def start(line: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        line,
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "150"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], *, code: int = 0) -> str:
    output, _ = process.communicate(timeout=800)
    assert process.returncode == code, output
    assert "Traceback" not in output, output
    return output


def results(storage: Path) -> dict[str, bytes]:
    found = [
        *storage.glob("variants/*/results-*/*"),
        *storage.glob("variants/*/shards/*/*.parquet"),
    ]
    return {
        f"{path.parent.name}/{path.name}": path.read_bytes()
        for path in sorted(found)
        if path.name != "manifest.json"
    }


def test_a_job_by_its_script(tmp_path: Path) -> None:
    write_inputs(tmp_path, 30)
    line = command(tmp_path, tmp_path / "runs")
    output = finish(start(line), code=2)
    assert f"{tmp_path / 'x.vcf'}, row 35: REF is" in output
    output = finish(start([*line, "--skip-bad-rows"]))
    assert "scored 30 + rejected 1 = 31 alleles" in output
    (table,) = (tmp_path / "runs").glob("variants/*/results-*/variants.parquet")
    assert pq.read_table(table)["id"].to_pylist() == [f"v{i}" for i in range(30)]
    assert "REF is" in (table.parent / "rejects.tsv").read_text()
    assert (table.parent / "x.scored.vcf.gz").is_file()


@pytest.mark.slow
def test_killed_and_run_again_or_on_more_actors_gives_the_same_files(tmp_path: Path) -> None:
    write_inputs(tmp_path, 240)
    more = ("--skip-bad-rows", "--shard-size", "10", "--backgrounds", "12")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(start([*command(tmp_path, whole, *more), "--num-actors", "1"]))
    process = start([*command(tmp_path, killed, *more), "--num-actors", "2"])
    deadline = time.monotonic() + 400
    while len(list(killed.glob("variants/*/shards/*/manifest.json"))) < 3:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    done = len(list(killed.glob("variants/*/shards/*/manifest.json")))
    assert 3 <= done < 24, "killed in the middle"
    output = finish(start([*command(tmp_path, killed, *more), "--num-actors", "2"]))
    assert f"scoring {240 - 10 * done} variants" in output
    assert results(killed) == results(whole)
    assert "scoring" not in finish(start([*command(tmp_path, killed, *more)]))
