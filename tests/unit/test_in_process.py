"""A sweep in this process; that it gives what Ray gives is tested in tests/ray/test_sweep.py."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from dnasweep.sweeps.event_log import read_event_log
from script_toys import published, run
from toy_data import write_toy_table

TINY = (
    "--split random --tokenizers kmer-3-overlap --species-sets all --learning-rates 1e-2 --seeds 0 "
    "--preset 1x16x1 --pretrain-epochs 1 --finetune-epochs 2 --evaluations 2 --masking genemask "
    "--pmi-min-count 2"
).split()


def in_process(tmp_path: Path, *arguments: str, expect: int = 0) -> str:
    table = tmp_path / "toy.csv"
    if not table.is_file():
        write_toy_table(table, rows=160)
    script = "tests/in_process_sweep.py"
    return run(script, tmp_path / "runs", "--data", str(table), *TINY, *arguments, expect=expect)


def test_a_grid_runs_to_its_report_without_ray(tmp_path: Path) -> None:
    storage = tmp_path / "runs"
    output = in_process(tmp_path)
    assert "Ray" not in output
    made = {kind: published(storage, kind) for kind in ("pmi", "encoders", "trials", "tests")}
    assert [len(found) for found in made.values()] == [1, 1, 1, 2]
    table = pd.read_csv(next(storage.glob("sweeps/*/report/comparison.csv")))
    assert len(table) == 1
    log = read_event_log(next(storage.glob("sweeps/*/course.jsonl")))
    assert [point.number for point in log] == [1, 2]
    # The same command finds everything and computes nothing.
    in_process(tmp_path)
    assert {kind: published(storage, kind) for kind in made} == made


def test_what_needs_trials_side_by_side_is_refused(tmp_path: Path) -> None:
    assert "--search optuna compares trials" in in_process(
        tmp_path, "--search", "optuna", expect=2
    )
    assert "--asha compares trials" in in_process(tmp_path, "--asha", expect=2)
    assert not published(tmp_path / "runs", "trials")
