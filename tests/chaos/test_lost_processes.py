"""Processes of a sweep that are killed, hang or run out of memory."""

from __future__ import annotations

import time

import psutil
import pytest
from fault_toys import EVERY, RATES, Facts, Fault, Scene, check_nothing_lost, time_lost
from mlflow import MlflowClient
from sweep_processes import kill_all

pytest_plugins = ("mlflow_toys",)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]
PAIR = ("--workers-per-trial", "2")
MIDDLE = EVERY + 4
"""A step between two evaluations, that is, between two states."""
SWEEP = "2 trials, 1 encoder"


def test_a_worker_of_a_group_is_killed_in_the_middle(
    undisturbed_pair: tuple[Scene, Facts], make_scene, add_row
) -> None:
    whole, facts = undisturbed_pair
    where = {"rank": 1, "step": MIDDLE}
    scene = make_scene(
        Fault("kill", {"stage": "pretrain", **where}),
        Fault("kill", {"stage": "finetune", "learning_rate": RATES[1], **where}),
    )
    scene.run(*PAIR)
    outcome = check_nothing_lost(scene, facts)
    add_row(
        "worker of a DDP group killed, twice",
        f"{SWEEP}, 2 workers each",
        outcome,
        time_lost(scene, whole),
    )


def test_the_process_of_a_trial_is_killed(
    undisturbed: tuple[Scene, Facts], make_scene, add_row
) -> None:
    whole, facts = undisturbed
    scene = make_scene(
        Fault("kill", {"stage": "finetune", "step": MIDDLE, "learning_rate": RATES[0]})
    )
    scene.run()
    outcome = check_nothing_lost(scene, facts)
    add_row("process of a trial killed", SWEEP, outcome, time_lost(scene, whole))


def test_the_driver_of_a_group_is_killed(
    undisturbed_pair: tuple[Scene, Facts], make_scene, add_row
) -> None:
    whole, facts = undisturbed_pair
    scene = make_scene()
    begun = time.monotonic()
    process = scene.start(*PAIR)
    scene.wait_for(process, lambda: scene.state_of("trials"), "state of a trial")
    before = scene.published()
    drivers = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if "ImplicitFunc.train" in " ".join(child.cmdline())
    ]
    assert drivers
    drivers[0].kill()
    scene.finish(process)
    scene.seconds = time.monotonic() - begun
    outcome = check_nothing_lost(scene, facts, before=before)
    add_row(
        "driver of a trial killed", f"{SWEEP}, 2 workers each", outcome, time_lost(scene, whole)
    )


def test_the_sweep_is_killed_and_run_again(
    undisturbed: tuple[Scene, Facts], make_scene, add_row
) -> None:
    whole, facts = undisturbed
    scene = make_scene()
    begun = time.monotonic()
    process = scene.start()
    scene.wait_for(process, lambda: scene.state_of("trials"), "state of a trial")
    before = scene.published()
    kill_all(process)
    assert any(name.startswith("encoders/") for name in before)
    scene.finish(scene.start())
    scene.seconds = time.monotonic() - begun
    outcome = check_nothing_lost(scene, facts, before=before)
    add_row("head's driver killed, same command again", SWEEP, outcome, time_lost(scene, whole))


def test_a_trial_that_hangs_is_ended_and_goes_on(
    undisturbed: tuple[Scene, Facts], make_scene, add_row
) -> None:
    whole, facts = undisturbed
    scene = make_scene(
        Fault("hang", {"stage": "finetune", "step": MIDDLE, "learning_rate": RATES[0]})
    )
    scene.run("--hang-seconds", "15")
    outcome = check_nothing_lost(scene, facts)
    add_row("trial hangs once (watchdog after 15 s)", SWEEP, outcome, time_lost(scene, whole))


@pytest.mark.parametrize("what", ["hang", "memory"])
def test_a_trial_that_cannot_be_trained_fails_with_its_cause_and_the_others_go_on(
    undisturbed: tuple[Scene, Facts], make_scene, add_row, what: str
) -> None:
    whole, facts = undisturbed
    scene = make_scene(
        Fault(what, {"stage": "finetune", "step": MIDDLE, "learning_rate": RATES[0]}, times=9)
    )
    output = scene.run("--hang-seconds", "15")
    assert "failed" in output
    client = MlflowClient(scene.uri)
    experiment = client.get_experiment_by_name("tokenizer-grid")
    runs = client.search_runs([experiment.experiment_id], "tags.stage = 'trial'")
    assert len(runs) == len(RATES)
    (failed,) = (run for run in runs if run.info.status == "FAILED")
    (other,) = (run for run in runs if run.info.status == "FINISHED")
    assert float(failed.data.params["learning_rate"]) == RATES[0]
    reason = failed.data.tags["reason"]
    attempts = len(list(scene.folder.glob("struck-*")))
    key = other.data.tags["trial_key"]
    assert list(scene.facts().outcomes["trials"]) == [key]
    assert scene.facts().outcomes["trials"][key] == facts.outcomes["trials"][key]
    if what == "memory":
        assert reason.startswith("out of memory")
        assert attempts == 1, "it would have run out of memory again"
        fault = "out of memory in one trial"
    else:
        assert "no step for 15 s, in " in reason
        assert "sitecustomize.py" in reason, "where it hung"
        assert attempts == 2
        fault = "trial hangs again and again"
    # Once what was wrong is mended, the same command trains what is missing, and nothing else.
    scene.write_faults([])
    before = scene.published()
    scene.run()
    outcome = check_nothing_lost(scene, facts, before=before)
    seconds = scene.seconds
    add_row(
        fault,
        f"{SWEEP}; mended, same command again",
        f"fails after {attempts} attempt{'s' * (attempts > 1)} with its cause, the other ends; then {outcome}",
        f"{seconds - whole.seconds:+.0f} s",
    )
