"""A scan that is killed, and one with other actors and shards: the same files as undisturbed."""

from __future__ import annotations

from pathlib import Path

import pytest
from scan_toys import random_dna, write_fasta
from shap_toys import write_model
from variant_toys import finish, kill, start_job, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

TILES = 40
SCRIPT = "jobs/scan_genome.py"
MORE = ("--window", "60", "--stride", "12", "--threshold", "0.36")


def results(storage: Path) -> dict[str, bytes]:
    found = [path for kind in ("track", "peaks") for path in storage.glob(f"scans/*/{kind}-*/*")]
    return {path.name: path.read_bytes() for path in found if path.name != "manifest.json"}


def published(storage: Path) -> int:
    return len(list(storage.glob("scans/*/shards/*/manifest.json")))


def test_killed_and_run_again_on_more_actors_gives_the_same_files(tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    text = random_dna(TILES * 1024 * 12, 0, (30_000, 32_000))
    write_fasta(tmp_path / "g.fa", {"a": text[:200_000], "b": text[200_000:]})
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    large = ("--shard-size", "9", "--num-actors", "1")
    finish(start_job(SCRIPT, tmp_path, whole, *MORE, *large))
    small = ("--shard-size", "1", "--num-actors", "2")
    process = start_job(SCRIPT, tmp_path, killed, *MORE, *small)
    wait_until(process, lambda: published(killed) >= 3)
    kill(process)
    done = published(killed)
    assert 3 <= done < TILES, "killed in the middle"
    output = finish(start_job(SCRIPT, tmp_path, killed, *MORE, *small))
    assert f"scanning {TILES + 1 - done} tiles" in output
    assert results(whole)["peaks.bed"], "something to compare"
    assert results(killed) == results(whole)
