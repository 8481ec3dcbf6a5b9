"""What a trial tells the scheduler and the searcher of itself."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dnasweep.config import TrainingConfig
from dnasweep.errors import InputError
from dnasweep.runtime.training import trials, workers
from dnasweep.runtime.training.schedulers import InOrder
from dnasweep.stages.recipe import Cell, Recipe
from dnasweep.sweeps.event_log import Evaluated
from ray.exceptions import ActorDiedError
from ray.tune.experiment import Experiment
from ray.tune.search import BasicVariantGenerator, ConcurrencyLimiter, Searcher

VALUES = (0.1, 0.3, 0.2, 0.9)


@pytest.mark.parametrize("healthy", [True, False])
@pytest.mark.parametrize("first", [0, 3, 4])
def test_evaluations_are_worth_what_had_been_reached_by_then(
    first: int, healthy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a trial is begun, goes on after a kill, or is found published."""
    training = TrainingConfig(bases=400, evaluations=4)
    recipe = Recipe(dataset="d", species=(), finetuning=training)
    history = [
        {"bases_seen": 100.0 * i, "metrics": {"validation/mcc": value}}
        for i, value in enumerate(VALUES, start=1)
    ]

    def run_stage(spec: Any, job: Any, *, text: str, on_evaluation: Any) -> Any:
        for evaluation in history[first:]:
            on_evaluation(evaluation)
        return SimpleNamespace(history=history, healthy=healthy)

    told: list[dict[str, Any]] = []
    monkeypatch.setattr(workers, "run_stage", run_stage)
    monkeypatch.setattr(trials.tune, "report", told.append)
    cell = Cell(species_set="none")
    job: Any = None
    trials.run_trial(dataclasses.asdict(cell), recipe=recipe, job=job, metric="validation/mcc")
    points = [point for result in told if (point := Evaluated.of_result(result))]
    whole = [(1, 0.1), (2, 0.3), (3, 0.3), (4, 0.9)]
    assert [(p.number, p.best) for p in points][-4:] == whole
    # A search is not to look for more of what diverged, however good it was before.
    assert told[-1][trials.BEST] == pytest.approx(0.9 if healthy else float("nan"), nan_ok=True)


def test_processes_that_ray_ends_to_save_the_machine_are_told_in_words(tmp_path: Path) -> None:
    raised = RuntimeError(
        "Caught unexpected exception: 2 worker(s) were killed due to the node running low on memory. "
        "Memory on the node (IP: 192.0.2.2, ID: e5) was 22.57GB used / 23.54GB limit (0.958927)"
    )

    def fit() -> None:
        raise raised

    tuner: Any = SimpleNamespace(fit=fit)
    with pytest.raises(InputError, match=r"out of memory \(22\.57GB used / 23\.54GB\)"):
        trials._fit(tuner, tmp_path)
    raised = RuntimeError("a defect")
    with pytest.raises(RuntimeError, match="a defect"):
        trials._fit(tuner, tmp_path)


def test_what_tune_says_in_words_alone_is_an_error_too() -> None:
    cell = Cell(seed=3)
    config = {"cell": dataclasses.asdict(cell)}
    raised = ValueError("no such thing")
    results: Any = [
        SimpleNamespace(error="Trainable runner reuse requires ...\n", config=config),
        SimpleNamespace(error=None, config=config),
    ]
    found = trials.failures(results)
    assert list(found) == [cell]
    assert isinstance(found[cell], RuntimeError)
    assert str(found[cell]) == "Trainable runner reuse requires ..."
    results = [SimpleNamespace(error=SimpleNamespace(cause=raised), config=config)]
    assert trials.failures(results) == {cell: raised}


class Endless(Searcher):
    """Suggests for ever."""

    def suggest(self, trial_id: str) -> dict:
        return {"cell": trial_id}

    def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
        pass


def test_tune_begins_as_many_trials_as_there_is_room_for() -> None:
    room, search = 1, ConcurrencyLimiter(Endless(), max_concurrent=1)
    limit = trials.Limit(search, lambda: room)

    def begun(name: str) -> bool:
        limit.on_step_begin(0, [])
        return search.suggest(name) is not None

    assert begun("a")
    assert not begun("b")
    room = 2
    assert begun("b"), "a machine has joined"
    room = 0
    assert not begun("c")
    search.on_trial_complete("a", {})
    search.on_trial_complete("b", {})
    assert begun("c"), "one waits for a machine, so that an autoscaler hears of it"
    pickle.loads(pickle.dumps(limit))


def test_the_grid_has_room_in_the_same_way() -> None:
    room, search = 2, BasicVariantGenerator(max_concurrent=1)
    limit = trials.Limit(search, lambda: room)
    search.add_configurations(Experiment("e", print, config=trials.grid_space([Cell(), Cell()])))
    limit.on_step_begin(0, [])
    assert search.next_trial() is not None
    assert search.next_trial() is not None


@pytest.mark.parametrize(
    ("error", "final"),
    [(InputError("bad"), True), (MemoryError(), True), (ActorDiedError(), False)],
)
def test_only_a_lost_process_is_worth_another_attempt(
    error: Exception, final: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_stage(spec: Any, job: Any, **how: Any) -> Any:
        raise error

    told: list[dict[str, Any]] = []
    monkeypatch.setattr(workers, "run_stage", run_stage)
    monkeypatch.setattr(trials.tune, "report", told.append)
    recipe = Recipe(dataset="d", species=(), finetuning=TrainingConfig(bases=400))
    config = dataclasses.asdict(Cell(species_set="none"))
    job: Any = None
    with pytest.raises(type(error)):
        trials.run_trial(config, recipe=recipe, job=job, metric="validation/mcc")
    # Tune asks no trial why it failed: the driver has to hear it before.
    trial = SimpleNamespace(config=config, max_failures=3)
    messenger = trials.Messenger(lambda heard: None)
    for result in told:
        messenger.on_trial_result(0, [], trial, result)
    assert trial.max_failures == (0 if final else 3)
    assert all(Evaluated.of_result(result) is None for result in told)


def test_a_grid_says_its_cells_as_text_and_they_come_back() -> None:
    """Tune copies the whole axis for each of its values: of dictionaries that took minutes."""
    cells = [Cell(tokenizer="bpe-64", learning_rate=1e-3 / 3, seed=i, shots=10) for i in range(3)]
    values = trials.grid_space(cells)["cell"]["grid_search"]
    assert copy.deepcopy(values)[0] is values[0]
    assert [trials.cell_of({"cell": value}) for value in values] == cells
    assert [trials.cell_of({"cell": dataclasses.asdict(cell)}) for cell in cells] == cells
    assert [trials.cell_of(dataclasses.asdict(cell)) for cell in cells] == cells


def test_trials_are_taken_in_order_and_those_that_have_ended_are_not_looked_at() -> None:
    class Controller:
        def __init__(self) -> None:
            self.live = {"a_00010": "PENDING", "a_00000": "RUNNING", "a_00002": "PENDING"}

        def get_live_trials(self) -> list[Any]:
            return [SimpleNamespace(trial_id=n, status=s) for n, s in self.live.items()]

    controller = Controller()
    chosen = InOrder().choose_trial_to_run(controller)
    assert chosen is not None
    assert chosen.trial_id == "a_00002"
    controller.live = {"a_00000": "RUNNING"}
    assert InOrder().choose_trial_to_run(controller) is None
