"""An Optuna study over the cells of a grid: no other cell, each once, and no trial lost to a kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from dnasweep.runtime.training.search import Study
from dnasweep.runtime.training.study_journal import open_journal
from dnasweep.runtime.training.study_repair import open_study
from dnasweep.stages.plan import cells_of, make_plan
from dnasweep.stages.recipe import Cell, Recipe
from dnasweep.storage import Storage, StorageLock
from dnasweep.sweeps.event_log import BEST, POINT, Evaluated
from dnasweep.workflows.phases import Phases
from filelock import Timeout
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage, JournalStorage
from optuna.trial import TrialState
from ray.tune.search import Searcher
from rich.console import Console

GRID = cells_of(
    {
        "learning_rate": (1e-3, 3e-4, 1e-4, 3e-5),
        "warmup": (0.1, 0.2),
        "weight_decay": (1e-3, 1e-2),
    }
)


def result(key: str, number: int, best: float) -> dict:
    return {"trial_key": key, POINT: Evaluated(key, number, best, {}).text}


def lock_in(folder: Path) -> Callable[[], StorageLock]:
    return lambda: Storage(folder).lock("sweeps", "studies")


def opened(folder: Path) -> JournalStorage:
    return open_journal(folder / "optuna.journal", lock_in(folder))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(opened(tmp_path), "s", GRID, mode="max")


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


def test_the_best_value_is_tried_first(tmp_path: Path) -> None:
    """After the random start the sampler prefers the rate that has done well."""
    grid = cells_of(
        {
            "learning_rate": tuple(10.0**-i for i in range(1, 9)),
            "warmup": (0.1, 0.2, 0.3, 0.4, 0.5),
        }
    )
    searcher = Study(opened(tmp_path), "t", grid, mode="max").searcher(())
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
    again = Study(opened(tmp_path), "s", GRID, mode="max")
    assert again.tried() == study.tried()
    assert again.remaining(5) == 3


def test_a_trial_that_diverged_is_worth_less_than_any_that_ended(study: Study) -> None:
    searcher = study.searcher(())
    for trial, best in (("a", 0.2), ("b", 0.9)):
        searcher.suggest(trial)
        searcher.on_trial_result(trial, result(trial, 3, best))
    searcher.on_trial_complete("a", result("a", 5, 0.3))
    searcher.on_trial_complete("b", {"trial_key": "b", BEST: float("nan")})
    assert [t.state for t in study.study.get_trials()] == [TrialState.COMPLETE, TrialState.PRUNED]
    assert study.study.best_value == 0.3
    assert len(study.tried()) == 2


def test_a_cell_under_way_at_a_kill_comes_first_again(study: Study, tmp_path: Path) -> None:
    searcher = study.searcher(())
    first = searcher.suggest("a")
    searcher.on_trial_complete("a", result("k", 5, 0.9))
    lost = searcher.suggest("b")
    assert lost != first
    again = Study(opened(tmp_path), "s", GRID, mode="max")
    assert again.remaining(3) == 2
    assert again.searcher(()).suggest("c") == lost


def test_failed_trials_may_be_tried_again_by_the_next_run(study: Study, tmp_path: Path) -> None:
    searcher = study.searcher(())
    searcher.suggest("a")
    searcher.on_trial_complete("a", error=True)
    assert study.tried() == []
    assert Study(opened(tmp_path), "s", GRID, mode="max").remaining(1) == 1


def test_failed_trials_of_a_search_are_part_of_its_result(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = Recipe(dataset="d", species=())
    plan = make_plan(recipe, cells_of({"species_set": ("none",), "seed": (0, 1, 2)}))
    sweep: Any = SimpleNamespace(
        plan=plan, recipe=recipe, console=Console(quiet=True), errors={}, key="k"
    )
    sweep.storage = SimpleNamespace(lock=lambda *_: SimpleNamespace(held=nullcontext))
    sweep.options = SimpleNamespace(num_samples=2)
    study = SimpleNamespace(
        name="s", remaining=lambda num: num, tried=lambda: [plan.cells[0]], importance=dict
    )
    state = SimpleNamespace(study=lambda: study, rungs=None, studies=Path("optuna.journal"))
    phases = Phases(sweep, records=None, executor=None)  # type: ignore[arg-type]
    monkeypatch.setattr("dnasweep.workflows.phases.SweepState", lambda _: state)
    monkeypatch.setattr(phases, "_build_corpora", lambda plan: None)
    failed = plan.classifiers[2].key
    monkeypatch.setattr(phases, "_train", lambda *_: sweep.errors.update({failed: "no memory"}))
    assert phases._search().cells == (plan.cells[0], plan.cells[2])


def test_one_driver_at_a_time_has_a_search(tmp_path: Path) -> None:
    """Opening a study gives up the trials of a driver that is gone, which must not be alive."""
    study = Study(opened(tmp_path), "s", GRID, mode="max")
    searcher = study.searcher(())
    searcher.suggest("a")
    Study(opened(tmp_path), "s", GRID, mode="max").remaining(3)
    with pytest.raises(UpdateFinishedTrialError):
        searcher.on_trial_complete("a", result("k", 5, 0.9))
    said: list[str] = []

    @contextmanager
    def waiting() -> Iterator[None]:
        said.append("waiting")
        first.release()
        yield

    lock = lock_in(tmp_path)
    first = lock().acquire()
    with lock().held(waiting()):
        assert said == ["waiting"]
        with pytest.raises(Timeout):
            lock().acquire(timeout=0)
    with lock().held(waiting()):
        assert said == ["waiting"]


def test_cells_that_are_no_product_are_kept_to(tmp_path: Path) -> None:
    cells = [
        Cell(target="human", trained_on=None),
        Cell(target="mouse", trained_on="rat"),
        Cell(target="mouse", trained_on=None),
    ]
    searcher = Study(opened(tmp_path), "u", cells, mode="min").searcher(())
    seen = set()
    for i in range(3):
        seen.add(Cell(**searcher.suggest(f"t{i}")["cell"]))
        searcher.on_trial_complete(f"t{i}", result(f"k{i}", 1, 0.0))
    assert seen == set(cells)
    study = optuna.load_study(study_name="u", storage=opened(tmp_path))
    assert all(t.state.is_finished() for t in study.get_trials())


def told(folder: Path, storage: BaseStorage | None = None) -> dict[Cell, float]:
    """Let a search try three cells, and return what these were worth."""
    study, worth = Study(storage or opened(folder), "s", GRID, mode="max"), {}
    for number in range(3):
        asked = study.ask()
        assert asked is not None
        trial, cell = asked
        worth[cell] = number / 7
        study.study.tell(trial, worth[cell])
    return worth


def reopened(folder: Path, worth: dict[Cell, float]) -> Study:
    return open_study(
        folder / "optuna.journal",
        lambda journal: Study(journal, "s", GRID, mode="max"),
        worth,
        folder,
        name="s",
        lock=lock_in(folder),
    )


@pytest.mark.parametrize("how", ["value", "word", "zeros", "cut", "whole", "deleted"])
def test_a_damaged_search_goes_on_from_what_its_trials_came_to(tmp_path: Path, how: str) -> None:
    worth, file = told(tmp_path), tmp_path / "optuna.journal"
    data = file.read_bytes()
    if how == "value":
        file.write_bytes(data.replace(repr(2 / 7).encode(), b"0.75"))
    elif how == "word":
        file.write_bytes(data.replace(b'"op_code"', b'"op_kode"', 5))
    elif how == "zeros":
        file.write_bytes(data[:300] + bytes(300) + data[600:])
    elif how == "cut":
        # In the middle of what the last trial was told; a killed writer leaves such an end.
        file.write_bytes(data[:-20])
    elif how == "deleted":
        file.unlink()
    study = reopened(tmp_path, worth)
    kept = list((tmp_path / "work" / "damaged").glob("sweeps-*"))
    assert len(kept) == (how in ("value", "word", "zeros"))
    # One that somebody has deleted begins anew: its trials are found by their content.
    expected = {} if how == "deleted" else worth
    if how == "cut":
        # The trial is as if it had been under way.
        assert study.remaining(5) == min(5, len(GRID)) - 2
        return
    values = {study._cell(t.params): t.value for t in study.study.get_trials()}
    assert values == expected
    assert study.remaining(5) == min(5, len(GRID)) - len(expected)


def test_a_search_that_was_kept_in_a_database_goes_on(tmp_path: Path) -> None:
    database = optuna.storages.RDBStorage(f"sqlite:///{tmp_path}/optuna.db")
    worth = told(tmp_path, database)
    Study(database, "another", GRID, mode="max")
    under_way = Study(database, "s", GRID, mode="max").ask()
    assert under_way is not None
    database.engine.dispose()
    for _ in range(2):
        study = reopened(tmp_path, worth)
        whole = study.study.get_trials(states=(TrialState.COMPLETE,))
        assert {study._cell(t.params): t.value for t in whole} == worth
    assert study.remaining(5) == 2
    again = study.ask()
    assert again is not None
    assert again[1] == under_way[1], "it comes first again"
    assert optuna.get_all_study_names(opened(tmp_path)) == ["s"]


def test_a_database_that_cannot_be_read_is_set_aside(tmp_path: Path) -> None:
    database = optuna.storages.RDBStorage(f"sqlite:///{tmp_path}/optuna.db")
    worth = told(tmp_path, database)
    database.engine.dispose()
    file = tmp_path / "optuna.db"
    file.write_bytes(b"x" * 5000 + file.read_bytes()[5000:])
    study = reopened(tmp_path, worth)
    assert {study._cell(t.params): t.value for t in study.study.get_trials()} == worth
    assert not file.exists()
    assert len(list((tmp_path / "work" / "damaged").glob("sweeps-*"))) == 1
