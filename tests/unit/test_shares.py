"""Drivers that share a sweep begin at different trials, and all come to every one of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from dnasweep.errors import InputError
from dnasweep.stages.plan import cells_of, make_plan
from dnasweep.stages.recipe import Recipe
from dnasweep.sweeps.shares import VARIABLE, share
from dnasweep.workflows.phases import Phases


@pytest.mark.parametrize("drivers", [1, 2, 3, 7])
def test_each_begins_at_its_part_and_comes_to_all(
    drivers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = cells_of({"species_set": ("none",), "seed": tuple(range(6))})
    plan = make_plan(Recipe(dataset="x", species=()), cells)
    first = []
    for number in range(drivers):
        monkeypatch.setenv(VARIABLE, f"{number}/{drivers}")
        found = plan.beginning_at(share())
        assert sorted(c.seed for c in found.cells) == list(range(6))
        assert [s.training.seed for s in found.classifiers] == [c.seed for c in found.cells]
        first.append(found.cells[0].seed)
    assert first == [number * 6 // drivers for number in range(drivers)]
    assert plan.without({s.key for s in plan.classifiers}).beginning_at(0.5).cells == ()


def test_without_numbers_it_begins_at_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert share() == 0


@pytest.mark.parametrize("text", ["", "1", "2/2", "-1/2", "1/0", "a/b", "0/4/2"])
def test_other_numbers_are_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(InputError, match=f"{VARIABLE} is '{text}'"):
        share()


@pytest.mark.parametrize(
    ("search", "asha", "alone"),
    [("grid", False, False), ("grid", True, True), ("optuna", False, True)],
)
def test_trials_that_depend_on_one_another_have_one_driver_at_a_time(
    search: str, asha: bool, alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each driver has rungs of its own: two would stop the trials of one sweep by different ones."""
    at_work: list[str] = []

    @contextmanager
    def held(waiting: object) -> Iterator[None]:
        at_work.append("locked")
        yield

    sweep: Any = SimpleNamespace(
        options=SimpleNamespace(search=search, asha=asha),
        console=SimpleNamespace(status=lambda text: nullcontext()),
        storage=SimpleNamespace(lock=lambda kind, key: SimpleNamespace(held=held)),
        key="k",
    )
    phases = Phases(sweep, records=None, executor=None)  # type: ignore[arg-type]

    def train(_: Phases) -> Any:
        at_work.append("training")
        raise InputError("far enough")

    monkeypatch.setattr(Phases, "_grid", train)
    monkeypatch.setattr(Phases, "_search", train)
    with pytest.raises(InputError, match="far enough"):
        phases.train()
    assert at_work == (["locked", "training"] if alone else ["training"])
