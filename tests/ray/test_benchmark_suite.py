"""A suite by its script on Ray: two small tasks, again, and refused."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from script_toys import published, run
from suite_toys import write_gue

SMALL = (
    "--tokenizers kmer-3 --presets 1x16x2 --learning-rates 1e-2 --seeds 0 --finetune-epochs 1 "
    "--evaluations 1"
).split()


@pytest.mark.slow
def test_a_suite_ends_with_a_leaderboard_and_the_same_again_trains_nothing(tmp_path: Path) -> None:
    storage = tmp_path / "runs"
    given = ["--suite", "gue", "--data", str(write_gue(tmp_path / "GUE")), *SMALL]
    output = " ".join(run("sweeps/benchmark_suite.py", storage, *given).split())
    assert "2 of 28 tasks were found" in output
    assert "Ray:" in output
    report = next(storage.glob("suites/*/report"))
    rows = pd.read_csv(report / "leaderboard.csv")
    assert set(rows["model"]) == {"kmer-3 / none / 1x16x2", "k-mer baseline"}
    assert "GUE leaderboard" in (report / "leaderboard.html").read_text()
    before = {kind: published(storage, kind) for kind in ("trials", "tests", "corpora")}
    assert len(before["trials"]) == 2
    output = run("sweeps/benchmark_suite.py", storage, *given)
    assert "Ray:" not in output
    assert {kind: published(storage, kind) for kind in before} == before


def test_a_suite_that_is_not_known_is_one_message(tmp_path: Path) -> None:
    output = run("sweeps/benchmark_suite.py", tmp_path / "runs", "--suite", "glue", expect=2)
    assert "there is no suite 'glue'" in output
