"""A training keeps its state when one of its machines is about to go, and again until it is gone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from dnasweep.runtime.training import watchdog
from dnasweep.runtime.training.watchdog import PreemptionNotice
from state_toys import CONFIG, numbers, train_toy

LONG = 60


def wait_for_notice(heard: PreemptionNotice) -> bool:
    deadline = time.monotonic() + LONG
    while not heard._draining and time.monotonic() < deadline:
        time.sleep(0.01)
    return heard._draining


def test_a_state_is_due_once_its_machine_is_going_and_again_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    going: dict[str, int] = {"another": 0}
    with PreemptionNotice({"here", "there"}, ask=lambda: going, poll_seconds=0.01) as heard:
        time.sleep(0.1)
        assert not heard.due(), "another machine goes"
        going["there"] = 0
        assert wait_for_notice(heard)
        assert heard.due()
        assert not heard.due(), "it has just been kept"
        monkeypatch.setattr(watchdog, "SAVE_AGAIN_SECONDS", 0.0)
        assert heard.due(), "the machine is still there"
        del going["there"]
        time.sleep(0.2)
        assert not heard.due(), "it stays after all"


def test_a_head_that_does_not_answer_is_no_notice() -> None:
    asked: list[int] = []

    def ask() -> dict[str, int]:
        asked.append(1)
        raise ConnectionError

    with PreemptionNotice({"here"}, ask=ask, poll_seconds=0.01) as heard:
        while len(asked) < 3:
            time.sleep(0.01)
        assert not heard.due()


def test_the_state_between_evaluations_is_kept_and_gone_on_from(tmp_path: Path) -> None:
    due = CONFIG.evaluations + 3
    whole = numbers(train_toy(None))
    asked: list[int] = []

    class Gone(Exception):
        pass

    def save_when() -> bool:
        asked.append(1)
        return len(asked) == due

    def on_step(done: int, total: int, bases: float, loss: float) -> None:
        if done == due + 1:
            raise Gone

    with pytest.raises(Gone):
        train_toy(tmp_path, on_step=on_step, save_when=save_when)
    (kept,) = tmp_path.glob("step-*")
    assert int(kept.name.removeprefix("step-")) == due
    steps: list[int] = []
    again = train_toy(tmp_path, on_step=lambda done, *rest: steps.append(done))
    assert steps[0] == due + 1
    assert numbers(again) == whole
