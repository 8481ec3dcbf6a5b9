"""Successive halving: Ray's decisions, the same again after a kill, and a course that survives one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from dnasweep.config import ModelConfig, TokenizerConfig, TrainingConfig
from dnasweep.stages.specs import ClassifierSpec, TokenizerSpec
from dnasweep.sweeps.event_log import Evaluated, EventLog, read_event_log
from dnasweep.sweeps.rungs import Rungs, first_rung
from ray.tune.schedulers import ASHAScheduler

EVALUATIONS = 10


def point(key: str, number: int, best: float) -> Evaluated:
    return Evaluated(
        key, number, best, {"bases_seen": 100.0 * number, "device_seconds": 1.0 * number}
    )


def race(seed: int, num_trials: int = 40) -> list[Evaluated]:
    """Points of trials that take turns, two at a time; each gets better as it goes on."""
    rng = np.random.default_rng(seed)
    level = rng.random(num_trials)
    waiting = [(f"t{i}", n) for i in range(num_trials) for n in range(1, EVALUATIONS + 1)]
    points = [point(key, n, level[int(key[1:])] * (1 - 0.7**n)) for key, n in waiting]
    pairs = np.arange(len(points)).reshape(-1, 2, EVALUATIONS).transpose(0, 2, 1).ravel()
    return [points[i] for i in pairs]


@pytest.mark.parametrize("mode", ["max", "min"])
@pytest.mark.parametrize(("seed", "warmup"), [(0, 0.0), (1, 0.0), (2, 0.2)])
def test_decisions_are_those_of_ray(seed: int, warmup: float, mode: str) -> None:
    ours = Rungs(EVALUATIONS, warmup=warmup, mode=mode)
    theirs = ASHAScheduler(
        time_attr="number",
        metric="best",
        mode=mode,
        max_t=EVALUATIONS,
        grace_period=first_rung(EVALUATIONS, warmup),
        reduction_factor=3,
    )
    stopped: set[str] = set()
    trials: dict[str, SimpleNamespace] = {}
    best: dict[str, float] = {}
    pick = max if mode == "max" else min
    for p in race(seed):
        # Theirs stops everybody at the end; a trial is whole there.
        if p.key in stopped or p.number == EVALUATIONS:
            continue
        best[p.key] = pick(best.get(p.key, p.best), p.best)
        if p.key not in trials:
            trials[p.key] = SimpleNamespace(trial_id=p.key)
            theirs.on_trial_add(None, trials[p.key])
        result = {"number": p.number, "best": best[p.key]}
        expected = theirs.on_trial_result(None, trials[p.key], result) == "STOP"
        assert ours.add(p) == expected, p
        if expected:
            stopped.add(p.key)
    assert ours.stopped == stopped
    assert 10 < len(stopped) < 40


def test_told_again_after_a_kill_everybody_stands_where_they_stood() -> None:
    whole, points = Rungs(EVALUATIONS), []
    for p in race(1):
        if p.key not in whole.stopped:
            points.append(p)
            whole.add(p)
    for cut in (7, 60, len(points) - 3):
        first, again = Rungs(EVALUATIONS), Rungs(EVALUATIONS)
        first.recall(points[:cut])
        again.recall(points[:cut])
        assert again.stopped == first.stopped
        # The one that was under way announces its last evaluation once more.
        again.add(points[cut - 1])
        again.recall(points[cut:])
        assert again.stopped == whole.stopped


@pytest.mark.parametrize(
    ("evaluations", "warmup", "first"),
    [(10, 0.0, 1), (10, 0.05, 1), (10, 0.1, 2), (10, 0.2, 3), (5, 0.06, 1), (20, 0.15, 4)],
)
def test_nobody_is_judged_while_the_learning_rate_rises(
    evaluations: int, warmup: float, first: int
) -> None:
    assert first_rung(evaluations, warmup) == first
    assert first / evaluations > warmup
    rungs = Rungs(evaluations, warmup=warmup)
    for number in range(1, first):
        assert not rungs.add(point("a", number, 0.9))
        assert not rungs.add(point("b", number, 0.1))
    assert not rungs.add(point("a", first, 0.9))
    assert rungs.add(point("b", first, 0.1))


def test_nobody_is_stopped_at_the_end() -> None:
    rungs = Rungs(9)
    assert not rungs.add(point("a", 9, 0.9))
    # The rungs are 1 and 3 of 9: at the ninth only the highest that was passed is looked at.
    assert rungs.add(point("b", 3, 0.1))
    assert not Rungs(1).add(point("a", 1, 0.0))


def test_a_trial_that_goes_on_keeps_its_best_before_the_kill() -> None:
    rungs = Rungs(EVALUATIONS)
    rungs.recall([point("a", 1, 0.5), point("b", 1, 0.6), point("b", 3, 0.6)])
    rungs.add(point("c", 1, 0.7))
    assert not rungs.add(point("c", 3, 0.2)), "0.7 is its best, whatever this start has seen"


def test_a_rung_looks_at_no_evaluation_that_comes_after_it() -> None:
    """A trial that another sweep had begun is points of from where it goes on, and then from its start."""
    rungs = Rungs(EVALUATIONS)
    rungs.add(point("a", 4, 0.9))
    rungs.add(point("a", 1, 0.1))
    assert not rungs.add(point("b", 1, 0.5)), "0.1 is what the other had come to there"
    assert rungs.add(point("b", 3, 0.5))


def test_the_course_outlives_a_line_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "course.jsonl"
    course = EventLog(path)
    assert course.add(point("a", 1, 0.5))
    assert course.add(point("a", 2, 0.6))
    path.write_text(path.read_text()[:-10])
    again = EventLog(path)
    assert again.points == [point("a", 1, 0.5)]
    assert not again.add(point("a", 1, 0.5)), "known already"
    assert again.add(point("a", 2, 0.6))
    assert read_event_log(path) == [point("a", 1, 0.5), point("a", 2, 0.6)]
    assert again.last("a") == point("a", 2, 0.6).evaluation
    assert again.last("b") is None


def test_evaluations_are_numbered_by_bases_seen() -> None:
    spec = ClassifierSpec(
        tokenizer=TokenizerSpec(dataset="d", species=(), config=TokenizerConfig.parse("kmer")),
        encoder=None,
        target=(),
        model=ModelConfig(),
        training=TrainingConfig(bases=1000, evaluations=5),
    )
    # Batches of unequal sequences reach a fifth of the budget a little early or late.
    for seen, number in ((190.0, 1), (205.0, 1), (398.0, 2), (1010.0, 5), (10.0, 1)):
        assert Evaluated.of(spec, 0.5, {"bases_seen": seen}).number == number
