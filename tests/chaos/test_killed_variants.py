"""A variant job that is killed, and one with other actors: the same files as undisturbed."""

from __future__ import annotations

from pathlib import Path

import pytest
from variant_toys import finish, kill, start, wait_until, write_inputs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

NUM, SIZE = 240, 10
MORE = ("--skip-bad-rows", "--shard-size", str(SIZE), "--backgrounds", "12")


def results(storage: Path) -> dict[str, bytes]:
    places = ("variants/*/results-*/*", "variants/*/shards/*/*.parquet")
    found = sorted(path for place in places for path in storage.glob(place))
    return {
        f"{path.parent.name}/{path.name}": path.read_bytes()
        for path in found
        if path.name != "manifest.json"
    }


def published(storage: Path) -> int:
    return len(list(storage.glob("variants/*/shards/*/manifest.json")))


def test_killed_and_run_again_on_more_actors_gives_the_same_files(tmp_path: Path) -> None:
    write_inputs(tmp_path, NUM)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finish(start(tmp_path, whole, *MORE, "--num-actors", "1"))
    process = start(tmp_path, killed, *MORE, "--num-actors", "2")
    wait_until(process, lambda: published(killed) >= 3)
    kill(process)
    done = published(killed)
    assert 3 <= done < NUM // SIZE, "killed in the middle"
    output = finish(start(tmp_path, killed, *MORE, "--num-actors", "2"))
    assert f"scoring {NUM - SIZE * done} variants" in output
    assert results(killed) == results(whole)
    assert "scoring" not in finish(start(tmp_path, killed, *MORE))
