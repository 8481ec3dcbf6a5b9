"""The time of a plan, by earlier trainings or the speed of this machine, and what a log says while it passes."""

from __future__ import annotations

import dataclasses
import io
import time
from pathlib import Path

import pytest
from dnasweep import stages
from dnasweep.config import ModelConfig, TokenizerConfig, TrainingConfig
from dnasweep.stages.outcome import OUTCOME, StageOutcome
from dnasweep.stages.specs import ClassifierSpec, TokenizerSpec
from dnasweep.stages.speed import measure_speed, tokens_per_base
from dnasweep.stages.timed_steps import time_steps
from dnasweep.storage import Storage
from dnasweep.sweeps.axes import SweepOptions
from dnasweep.sweeps.cost import Cost, estimate
from dnasweep.sweeps.progress import Display, StepTimer
from dnasweep.sweeps.request import Sweep, prepare_sweep
from dnasweep.workflows import announce
from rich.console import Console
from toy_data import write_toy_table


def spec(tokenizer: str, *, bases: int = 1000, seed: int = 0) -> ClassifierSpec:
    return ClassifierSpec(
        tokenizer=TokenizerSpec(dataset="d", species=(), config=TokenizerConfig.parse(tokenizer)),
        encoder=None,
        target=(),
        model=ModelConfig(layers=1, hidden=32, heads=2, intermediate=64),
        training=TrainingConfig(bases=bases, seed=seed),
    )


def publish(storage: Storage, trained: ClassifierSpec, seconds: float) -> None:
    seen = {"bases_seen": trained.training.bases, "metrics": {}}
    outcome = StageOutcome(
        outcome="completed",
        reason="",
        best=seen,
        history=[seen],
        device_seconds=seconds,
        peak_memory_bytes=0,
        steps=1,
    )
    storage.obtain(
        trained.kind,
        trained.key,
        lambda folder: outcome.write(folder / OUTCOME),
        inputs=trained,
    )


def test_time_is_that_of_earlier_trainings_of_the_same_tokenizer(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    wanted = [spec("kmer-6", bases=4000, seed=1), spec("char", bases=1000, seed=1)]
    assert estimate(storage, wanted) is None
    publish(storage, spec("kmer-6"), 2.0)
    # Bases of single letters are taken to be as fast as those of the one tokenizer known.
    assert estimate(storage, wanted) == Cost(10.0, 1)
    publish(storage, spec("char"), 20.0)
    assert estimate(storage, wanted) == Cost(28.0, 2)
    other = dataclasses.replace(wanted[0], model=ModelConfig())
    assert estimate(storage, [other]) is None


def test_only_trainings_that_count_are_counted(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    publish(storage, spec("kmer-6"), 2.0)
    publish(storage, spec("kmer-6", seed=1), 2.0)
    publish(storage, dataclasses.replace(spec("kmer-6"), model=ModelConfig()), 2.0)
    assert estimate(storage, [spec("kmer-6", seed=2)]) == Cost(2.0, 2)
    both = [spec("kmer-6", seed=2), spec("char")]
    assert estimate(storage, both) == Cost(4.0, 2)


def test_a_single_training_is_found_among_many_of_another_model(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    for seed in range(40):
        large = dataclasses.replace(spec("kmer-6", seed=seed), model=ModelConfig())
        publish(storage, large, 50.0)
    assert estimate(storage, [spec("kmer-6", seed=1)]) is None
    wanted = sorted((spec("kmer-6", seed=seed) for seed in range(40)), key=lambda one: one.key)
    publish(storage, wanted[-1], 2.0)
    assert estimate(storage, wanted[:1]) == Cost(2.0, 1)
    for one in wanted[1:-1]:
        publish(storage, one, 2.0)
    assert estimate(storage, wanted[:1]) == Cost(2.0, 20)


def test_what_was_never_trained_is_measured_once_a_kind(tmp_path: Path) -> None:
    asked = []

    def measure(one: object) -> float:
        asked.append(one)
        return 100.0

    wanted = [spec("kmer-6", seed=n) for n in range(3)]
    assert estimate(Storage(tmp_path), wanted, measure) == Cost(30.0, 0)
    assert len(asked) == 1
    assert estimate(Storage(tmp_path), wanted, lambda _: None) is None
    assert estimate(Storage(tmp_path), [], measure) == Cost(0.0, 0)


def test_the_speed_of_matrix_products_gives_that_of_a_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Large enough that a step is arithmetic: of a toy it is mostly calls of functions.
    size = ModelConfig(layers=2, hidden=256, heads=4, intermediate=1024)
    one = dataclasses.replace(spec("char"), model=size)
    timed = time_steps(one, num_tokens=62, vocabulary=9) * 60
    speed = measure_speed(one, 60)
    assert speed is not None
    # Wide, for a machine that does other work meanwhile.
    assert timed / 10 < speed < timed * 100
    monkeypatch.setattr(stages.speed, "_products_per_second", lambda hidden: 1e9)
    speed = measure_speed(one, 60)
    deeper = dataclasses.replace(one, model=dataclasses.replace(size, layers=4))
    assert measure_speed(deeper, 60) == pytest.approx(speed / 2)
    # 62 tokens of 2 layers with 12 x 256 x 256 weights, and attention to 62 tokens; three passes.
    step = 3 * 62 * 2 * (2 * 12 * 256**2 + 4 * 62 * 256)
    assert speed == pytest.approx(0.5 * 1e9 * 60 / step)


def test_speeds_of_what_cannot_be_told_in_passing_are_not_told() -> None:
    vast = dataclasses.replace(spec("char"), model=ModelConfig(layers=100, hidden=4096, heads=64))
    assert measure_speed(vast, 60) is None, "a plan takes seconds, whatever it is of"
    assert tokens_per_base(TokenizerConfig.parse("kmer-6")) == pytest.approx(1 / 6)
    assert tokens_per_base(TokenizerConfig.parse("kmer-6-overlap")) == 1
    assert tokens_per_base(TokenizerConfig.parse("bpe-4096")) == pytest.approx(1 / 6)


def planned(folder: Path, species_set: str = "none") -> Sweep:
    """Return a sweep of two tokenizers, as a run prepares it that will train."""
    table = write_toy_table(folder / "toy.csv", rows=60)
    options = SweepOptions(
        data=(str(table),),
        storage=str(folder / "runs"),
        preset="1x16",
        tokenizers=("kmer-3", "char"),
        species_sets=(species_set,),
    )
    return prepare_sweep("toy", options.axes, options, Console(quiet=True))


def said_time(sweep: Sweep, **options: object) -> str:
    """Return the line on the time of a plan."""
    console = Console(file=io.StringIO(), width=300)
    options = dataclasses.replace(sweep.options, **options)  # type: ignore[arg-type]
    announce.announce_plan(dataclasses.replace(sweep, options=options, console=console))
    (line,) = [x for x in console.file.getvalue().splitlines() if x.startswith("time ")]
    return line


def test_a_run_says_the_time_that_its_dry_run_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = planned(tmp_path)
    began = time.process_time()
    line = said_time(sweep)
    assert time.process_time() - began < 0.2
    assert line == said_time(sweep, dry_run=True)
    assert line.startswith("time about 60 s to start Ray, tokenize, evaluate and report, and ")
    assert line.endswith(
        "; roughly estimated from the arithmetic of each model and the speed of this machine"
    )
    # A GPU takes seconds to time, and a cluster may be faster or slower than this machine.
    unknown = "time unknown until the first training runs of this model have finished"
    assert said_time(sweep, address="auto") == unknown
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert said_time(sweep) == unknown
    monkeypatch.delenv("RAY_ADDRESS")
    monkeypatch.setattr(announce, "has_gpu_driver", lambda: True)
    assert said_time(sweep) == unknown


def test_the_time_counts_the_start_of_ray_and_of_each_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = planned(tmp_path)
    monkeypatch.setattr(announce, "measure_speed", lambda spec, length: 1e12)
    assert len(sweep.plan.classifiers) == 8
    assert "and 4 s of one worker, divided by the number of workers: 4 s for 8" in said_time(sweep)
    console = Console(file=io.StringIO(), width=300)
    announce.announce_plan(dataclasses.replace(sweep, console=console), on_ray=False)
    assert "time about 4 s of one worker" in console.file.getvalue()


def test_pretraining_alone_plans_no_fine_tuning(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=300)
    sweep = dataclasses.replace(planned(tmp_path, "human"), console=console)
    asked = dataclasses.replace(sweep.options, dry_run=True)
    announce.announce_plan(dataclasses.replace(sweep, options=asked), fine_tunes=False)
    said = console.file.getvalue()
    assert "plan the grid: 2 tokenizations (0 done before), 2 encoders (0 done before)\n" in said
    assert "for 2 pretrainings" in said
    assert f"automatic GPU each, computing in {sweep.recipe.finetuning.precision}\n" in said
    assert "fine-tuning" not in said


def test_products_are_timed_once_for_all_models_of_one_width(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stages.speed._products_per_second.cache_clear()
    assert measure_speed(spec("char"), 60)
    monkeypatch.setattr(time, "perf_counter", lambda: pytest.fail("timed again"))
    assert measure_speed(spec("kmer-6"), 60)


def test_a_log_says_once_a_minute_how_far_each_training_is() -> None:
    now = [0.0]
    console = Console(file=io.StringIO(), width=200)
    display = Display(console, "pretraining", 2, clock=lambda: now[0])
    timer = StepTimer("kmer-6 all", clock=lambda: now[0])
    timer.progress(10, 110, 10_000)
    now[0] = 50.0
    display.stages["a"] = timer.progress(60, 110, 510_000)
    display.look()
    assert console.file.getvalue() == ""
    now[0] = 60.0
    display.look()
    display.look()
    assert console.file.getvalue() == (
        "  pretraining 0 of 2 after 60 s; kmer-6 all: step 60 of 110, 10 kb/s, 50 s left\n"
    )
