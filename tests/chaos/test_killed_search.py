"""A search that stops trials early, killed (-9) and run again: stopped trials stay stopped."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from dnasweep.sweeps.event_log import FILE, Evaluated, read_event_log
from dnasweep.sweeps.rungs import Rungs
from sweep_processes import kill_all
from sweep_processes import start as start_sweep
from toy_data import write_toy_table

EVALUATIONS, WARMUP = 9, 0.2
GRID = (
    "--split random --crop 60 --tokenizers kmer-3 --species-sets none --seeds 0 --preset 1x32x2 "
    f"--learning-rates 3e-2 1e-2 3e-3 1e-3 3e-4 1e-5 --warmups 0.1 {WARMUP} --weight-decays 1e-2 "
    f"--finetune-epochs 12 --evaluations {EVALUATIONS} --asha"
).split()
NUM_CELLS = 12


def start(storage: Path, table: Path, *arguments: str):
    # The last word on a flag counts.
    return start_sweep(storage, table, script="sweeps/enhancer_grid.py", flags=[*GRID, *arguments])


def points_of(storage: Path) -> list[Evaluated]:
    paths = list(storage.glob(f"sweeps/*/{FILE}"))
    return read_event_log(paths[0]) if paths else []


def stopped_of(points: list[Evaluated]) -> set[str]:
    rungs = Rungs(EVALUATIONS, warmup=WARMUP)
    rungs.recall(points)
    return rungs.stopped


def published(storage: Path) -> set[str]:
    return {path.parent.name for path in (storage / "trials").glob("*/outcome.json")}


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("search", ["grid", "optuna"])
def test_stopped_trials_stay_stopped(tmp_path: Path, search: str) -> None:
    table, storage = write_toy_table(tmp_path / "toy.csv"), tmp_path / "runs"
    asked = ["--search", search, "--num-samples", "10"]
    process = start(storage, table, *asked)
    deadline = time.monotonic() + 600
    # In the middle: somebody has been stopped, and somebody is under way.
    while not stopped_of(points_of(storage)):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    kill_all(process)
    before = points_of(storage)
    stopped, whole = stopped_of(before), published(storage)
    assert not stopped & whole

    process = start(storage, table, *asked)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    points = points_of(storage)
    assert points[: len(before)] == before
    assert stopped <= stopped_of(points)
    assert not stopped & {point.key for point in points[len(before) :]}, "one was trained again"
    ended = stopped_of(points) | published(storage)
    assert not stopped_of(points) & published(storage)
    assert {point.key for point in points} == ended
    assert len(ended) == (NUM_CELLS if search == "grid" else 10)
    outcomes = [json.loads(p.read_text()) for p in (storage / "trials").glob("*/outcome.json")]
    assert any(o["outcome"] == "completed" for o in outcomes), "the best are trained to their end"

    process = start(storage, table, *asked)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    assert "Ray:" not in output, "there was nothing left to train"
    assert points_of(storage) == points
