"""An Optuna study over the cells of a grid: no other cell, each once, and no trial lost to a kill."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import optuna
import pytest
from dnasweep.runtime.training.search import Study, open_study
from dnasweep.stages.plan import cells_of
from dnasweep.stages.recipe import Cell
from dnasweep.sweeps.event_log import POINT, Evaluated
from optuna.trial import TrialState
from ray.tune.search import Searcher

GRID = cells_of(
    {
        "learning_rate": (1e-3, 3e-4, 1e-4, 3e-5),
        "warmup": (0.1, 0.2),
        "weight_decay": (1e-3, 1e-2),
    }
)


def result(key: str, number: int, best: float) -> dict:
    return {"trial_key": key, POINT: Evaluated(key, number, best, {}).text}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path / "optuna.db", "s", GRID, mode="max")


def test_every_cell_is_tried_once_and_no_other(study: Study) -> None:
    searcher = study.searcher(())
    seen = []
    for i in range(len(GRID)):
        config = searcher.suggest(f"t{i}")
        seen.append(Cell(**config["cell"]))
        # One value is best by far: left alone the sampler would try its cell again and again.
        best = 1.0 if seen[-1].learning_rate == 1e-3 else 0.0
        searcher.on_trial_complete(f"t{i}", result(f"k{i}", 5, best))
    assert set(seen) == set(GRID)
    assert len(seen) == len(GRID)
    assert searcher.suggest("one more") == Searcher.FINISHED
    assert study.tried() == seen
    assert study.remaining(100) == 0


def test_the_best_value_is_tried_first(study: Study) -> None:
    """After the random start the sampler prefers the rate that has done well."""
    grid = cells_of(
        {
            "learning_rate": tuple(10.0**-i for i in range(1, 9)),
            "warmup": (0.1, 0.2, 0.3, 0.4, 0.5),
        }
    )
    searching = Study(Path(study.url.removeprefix("sqlite:///")), "t", grid, mode="max")
    searcher = searching.searcher(())
    rates = []
    for i in range(20):
        cell = Cell(**searcher.suggest(f"t{i}")["cell"])
        rates.append(cell.learning_rate)
        searcher.on_trial_complete(f"t{i}", result(f"k{i}", 5, -abs(cell.learning_rate - 1e-3)))
    near = [rate in (1e-2, 1e-3, 1e-4) for rate in rates]
    assert sum(near[10:]) > sum(near[:10])


def test_stopped_trials_are_pruned_and_stay_tried(study: Study, tmp_path: Path) -> None:
    searcher = study.searcher({"poor"})
    for trial, key in (("a", "good"), ("b", "poor")):
        searcher.suggest(trial)
        searcher.on_trial_result(trial, result(key, 1, 0.5))
    searcher.on_trial_complete("a", result("good", 5, 0.9))
    searcher.on_trial_complete("b", result("poor", 3, 0.2))
    states = [t.state for t in study.study.get_trials()]
    assert states == [TrialState.COMPLETE, TrialState.PRUNED]
    assert study.study.get_trials()[1].intermediate_values == {1: 0.5, 3: 0.2}
    again = Study(tmp_path / "optuna.db", "s", GRID, mode="max")
    assert again.tried() == study.tried()
    assert again.remaining(5) == 3


def test_a_cell_under_way_at_a_kill_comes_first_again(study: Study, tmp_path: Path) -> None:
    searcher = study.searcher(())
    first = searcher.suggest("a")
    searcher.on_trial_complete("a", result("k", 5, 0.9))
    lost = searcher.suggest("b")
    assert lost != first
    again = Study(tmp_path / "optuna.db", "s", GRID, mode="max")
    assert again.remaining(3) == 2
    assert again.searcher(()).suggest("c") == lost


def test_failed_trials_may_be_tried_again_by_the_next_run(study: Study, tmp_path: Path) -> None:
    searcher = study.searcher(())
    searcher.suggest("a")
    searcher.on_trial_complete("a", error=True)
    assert study.tried() == []
    assert Study(tmp_path / "optuna.db", "s", GRID, mode="max").remaining(1) == 1


def test_cells_that_are_no_product_are_kept_to(tmp_path: Path) -> None:
    cells = [
        Cell(target="human", trained_on=None),
        Cell(target="mouse", trained_on="rat"),
        Cell(target="mouse", trained_on=None),
    ]
    searcher = Study(tmp_path / "optuna.db", "u", cells, mode="min").searcher(())
    seen = set()
    for i in range(3):
        seen.add(Cell(**searcher.suggest(f"t{i}")["cell"]))
        searcher.on_trial_complete(f"t{i}", result(f"k{i}", 1, 0.0))
    assert seen == set(cells)
    study = optuna.load_study(study_name="u", storage=f"sqlite:///{tmp_path}/optuna.db")
    assert all(t.state.is_finished() for t in study.get_trials())


def told(tmp_path: Path) -> tuple[Path, dict[Cell, float]]:
    """Return the file of a search that has tried three cells, and what these were worth."""
    study, worth = Study(tmp_path / "optuna.db", "s", GRID, mode="max"), {}
    for number in range(3):
        asked = study.ask()
        assert asked is not None
        trial, cell = asked
        worth[cell] = number / 7
        study.study.tell(trial, worth[cell])
    study.close()
    return tmp_path / "optuna.db", worth


@pytest.mark.parametrize("how", ["value", "header", "page", "cut", "whole", "deleted"])
def test_a_damaged_search_goes_on_from_what_its_trials_came_to(tmp_path: Path, how: str) -> None:
    file, worth = told(tmp_path)
    data = bytearray(file.read_bytes())
    if how == "value":
        with contextlib.closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE trial_values SET value = 0.75 WHERE trial_id = 2")
    elif how == "deleted":
        file.unlink()
    else:
        if how == "header":
            data[20] ^= 1
            data[3] ^= 64
        elif how == "page":
            data[4096:8192] = bytes(4096)
        elif how == "cut":
            del data[len(data) // 2 :]
        file.write_bytes(data)

    def opened() -> Study:
        return Study(file, "s", GRID, mode="max")

    study = open_study(file, opened, worth, tmp_path)
    kept = list((tmp_path / "work" / "damaged").glob("sweeps-*"))
    assert len(kept) == (how not in ("whole", "deleted"))
    # One that somebody has deleted begins anew: its trials are found by their content.
    expected = {} if how == "deleted" else worth
    values = {study._cell(t.params): t.value for t in study.study.get_trials()}
    assert values == expected
    assert study.remaining(5) == min(5, len(GRID)) - len(expected)
