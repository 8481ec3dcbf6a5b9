"""What a trial tells the scheduler and the searcher of itself."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
from dnasweep.cluster import trials, workers
from dnasweep.cluster.course import Point
from dnasweep.config import TrainingConfig
from dnasweep.errors import InputError
from dnasweep.stages.recipe import Cell, Recipe
from ray.exceptions import ActorDiedError

VALUES = (0.1, 0.3, 0.2, 0.9)


@pytest.mark.parametrize("first", [0, 3, 4])
def test_evaluations_are_worth_what_had_been_reached_by_then(
    first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a trial is begun, goes on after a kill, or is found published."""
    training = TrainingConfig(bases=400, evaluations=4)
    recipe = Recipe(dataset="d", species=(), finetuning=training)
    history = [
        {"bases_seen": 100.0 * i, "metrics": {"validation/mcc": value}}
        for i, value in enumerate(VALUES, start=1)
    ]

    def run_stage(spec: Any, order: Any, *, text: str, on_evaluation: Any) -> Any:
        for evaluation in history[first:]:
            on_evaluation(evaluation)
        return SimpleNamespace(history=history)

    told: list[dict[str, Any]] = []
    monkeypatch.setattr(workers, "run_stage", run_stage)
    monkeypatch.setattr(trials.tune, "report", told.append)
    cell = Cell(species_set="none")
    order: Any = None
    trials.run_trial(dataclasses.asdict(cell), recipe=recipe, order=order, metric="validation/mcc")
    points = [point for result in told if (point := Point.told(result))]
    whole = [(1, 0.1), (2, 0.3), (3, 0.3), (4, 0.9)]
    assert [(p.number, p.best) for p in points][-4:] == whole
    assert told[-1][trials.BEST] == 0.9


@pytest.mark.parametrize(
    ("error", "final"),
    [(InputError("bad"), True), (MemoryError(), True), (ActorDiedError(), False)],
)
def test_only_a_lost_process_is_worth_another_attempt(
    error: Exception, final: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_stage(spec: Any, order: Any, **how: Any) -> Any:
        raise error

    told: list[dict[str, Any]] = []
    monkeypatch.setattr(workers, "run_stage", run_stage)
    monkeypatch.setattr(trials.tune, "report", told.append)
    recipe = Recipe(dataset="d", species=(), finetuning=TrainingConfig(bases=400))
    config = dataclasses.asdict(Cell(species_set="none"))
    order: Any = None
    with pytest.raises(type(error)):
        trials.run_trial(config, recipe=recipe, order=order, metric="validation/mcc")
    # Tune asks no trial why it failed: the driver has to hear it before.
    trial = SimpleNamespace(config=config, max_failures=3)
    messenger = trials.Messenger(lambda heard: None, recipe)
    for result in told:
        messenger.on_trial_result(0, [], trial, result)
    assert trial.max_failures == (0 if final else 3)
    assert all(Point.told(result) is None for result in told)
