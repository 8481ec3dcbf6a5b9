"""The loop: learning, one worker and two, killed and resumed, diverged, collapsed, stopped."""

from __future__ import annotations

import hashlib
import json
import math
from functools import partial

import numpy as np
import pytest
import torch
import torch.multiprocessing as multiprocessing
from dnasweep.config import OptimizerConfig, TrainingConfig
from dnasweep.errors import InputError
from dnasweep.models.architecture import build_classifier, build_masked_lm
from dnasweep.models.training import loop
from dnasweep.models.training import train_state_storage as state
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.train import train
from toys import (
    TINY,
    class_task,
    gloo_worker,
    masked_task,
    toy_language,
    train_toys_on_this_worker,
)

CPU = DistributedContext(device=torch.device("cpu"))
# 68 training rows in batches of 16: 5 steps an epoch, the last of 4 rows.
CONFIG = TrainingConfig(
    bases=20_000,
    batch_size=16,
    micro_batch_size=8,
    evaluations=4,
    optimizer=OptimizerConfig(learning_rate=3e-3),
)


@pytest.fixture(scope="module")
def toy():
    return toy_language(90, ragged=9)


def make(toy, task: str, *, dropout: float = 0.0):
    build = build_masked_lm if task == "pretrain" else build_classifier
    longest = int(toy.corpus.num_tokens().max())
    model = build(TINY, tokenizer=toy.tokenizer, num_tokens=longest, dropout=dropout, seed=0)
    return (masked_task(toy) if task == "pretrain" else class_task(toy)), model


def digest(model) -> str:
    state = model.state_dict()
    return hashlib.sha256(b"".join(state[k].numpy().tobytes() for k in sorted(state))).hexdigest()


def numbers(result):
    """Everything of an evaluation that has to be reproducible."""
    return [(e.step, e.bases_seen, e.metrics, e.train_loss) for e in result.evaluations]


def with_(config, **changes):
    from dataclasses import replace

    return replace(config, **changes)


def test_a_classifier_learns_a_planted_motif():
    toy = toy_language(400, ragged=9)
    task, model = make(toy, "finetune")
    result = train(task, model, with_(CONFIG, bases=100_000), context=CPU)
    assert result.outcome == "completed"
    assert result.best.metrics["validation/auroc"] > 0.95
    assert result.model is model
    assert not model.training
    # The weights returned are those of the best evaluation.
    assert task.evaluate(model, CPU) == pytest.approx(result.best.metrics, abs=1e-6)
    np.testing.assert_allclose(result.probabilities, task.probabilities, atol=1e-6)


def test_a_language_model_beats_guessing(toy):
    task, model = make(toy, "pretrain")
    result = train(task, model, with_(CONFIG, bases=60_000), context=CPU)
    first, last = result.evaluations[0].metrics, result.evaluations[-1].metrics
    assert last["validation/bits_per_base"] < first["validation/bits_per_base"]
    assert last["validation/loss"] < math.log(toy.tokenizer.vocab_size)


def test_evaluations_say_where_they_stand(toy):
    task, model = make(toy, "finetune")
    steps, seen = [], []
    result = train(
        task,
        model,
        CONFIG,
        context=CPU,
        on_step=lambda *step: steps.append(step),
        on_evaluation=seen.append,
    )
    total = result.steps
    assert [s[:2] for s in steps] == [(i + 1, total) for i in range(total)]
    assert seen == result.evaluations
    assert len(seen) == 4
    assert seen[-1].step == total
    assert seen[-1].epoch == total / 5
    assert seen[-1].bases_seen == steps[-1][2]
    mean = task.bases.mean() * CONFIG.batch_size
    assert CONFIG.bases - mean < seen[-1].bases_seen < CONFIG.bases + mean
    assert result.device_seconds >= seen[-1].device_seconds > seen[0].device_seconds > 0
    assert result.peak_memory_bytes > 50e6


def test_micro_batches_change_nothing_without_dropout(toy):
    losses = []
    for size in (16, 4):
        task, model = make(toy, "pretrain")
        curve: list[float] = []
        config = with_(CONFIG, micro_batch_size=size)
        train(task, model, config, context=CPU, on_step=lambda *s, to=curve: to.append(s[3]))
        losses.append(curve)
    np.testing.assert_allclose(losses[0], losses[1], atol=1e-4)


def test_two_workers_take_the_steps_of_one(tmp_path):
    # The short last batch of an epoch is one micro-batch of 4: one worker has none.
    runs = {
        "pretrain": CONFIG,
        "finetune": with_(CONFIG, dropout=0.2),
        "regular": CONFIG,
        "bases": CONFIG,
    }
    out = {workers: tmp_path / str(workers) for workers in (1, 2)}
    train_toys_on_this_worker(0, runs=runs, out=str(out[1]))
    job = partial(train_toys_on_this_worker, runs=runs, out=str(out[2]))
    multiprocessing.spawn(gloo_worker, args=(2, str(tmp_path / "rendezvous"), job), nprocs=2)
    one, two = (json.loads(out[workers].read_text()) for workers in (1, 2))
    for task in runs:
        assert len(one[task]["losses"]) >= 20
        np.testing.assert_allclose(one[task]["losses"], two[task]["losses"], atol=1e-4)
        for mine, theirs in zip(one[task]["metrics"], two[task]["metrics"], strict=True):
            assert mine == pytest.approx(theirs, abs=1e-4)
        assert one[task]["outcome"] == two[task]["outcome"] == "completed"


class Killed(Exception):
    """Stands for the death of the process."""


@pytest.mark.parametrize(("task", "dropout"), [("pretrain", 0.1), ("finetune", 0.1)])
@pytest.mark.parametrize(("kill_at", "every"), [(1, 0.0), (8, 0.0), (13, 60.0), (19, 0.0)])
def test_killed_and_resumed_is_uninterrupted_to_the_bit(
    toy, task, dropout, kill_at, every, tmp_path
):
    config = with_(CONFIG, dropout=dropout)
    whole = train(*make(toy, task, dropout=dropout), config, context=CPU)

    def kill(done, total, bases, loss):
        if done == kill_at:
            raise Killed

    common = {"context": CPU, "state_dir": tmp_path / "state", "checkpoint_seconds": every}
    with pytest.raises(Killed):
        train(*make(toy, task, dropout=dropout), config, on_step=kill, **common)
    done: list[int] = []
    torch.manual_seed(kill_at)  # the state of the global generator must not matter
    resumed = train(
        *make(toy, task, dropout=dropout), config, on_step=lambda d, *_: done.append(d), **common
    )
    if every == 0.0:
        assert done[0] == kill_at
    assert numbers(resumed) == numbers(whole)
    assert digest(resumed.model) == digest(whole.model)
    if task == "finetune":
        np.testing.assert_array_equal(resumed.probabilities, whole.probabilities)

    again = train(
        *make(toy, task, dropout=dropout), config, on_step=lambda d, *_: done.append(-1), **common
    )
    assert -1 not in done
    assert again.evaluations == resumed.evaluations
    assert digest(again.model) == digest(whole.model)
    assert [p.name for p in (tmp_path / "state").iterdir()] == [f"step-{whole.steps:08d}"]


def test_a_state_half_written_is_passed_over(toy, tmp_path):
    task, model = make(toy, "finetune")
    (tmp_path / ".step-00000003.77").mkdir(parents=True)
    (tmp_path / ".step-00000003.77" / "tensors.safetensors").write_bytes(b"cut of")
    result = train(task, model, with_(CONFIG, bases=1000), context=CPU, state_dir=tmp_path)
    assert result.outcome == "completed"
    assert [p.name for p in tmp_path.iterdir()] == [f"step-{result.steps:08d}"]


def test_the_state_of_another_training_is_refused(toy, tmp_path):
    train(*make(toy, "finetune"), with_(CONFIG, bases=1000), context=CPU, state_dir=tmp_path)
    with pytest.raises(InputError, match="belongs to another training"):
        train(*make(toy, "finetune"), CONFIG, context=CPU, state_dir=tmp_path)


def test_a_state_that_cannot_be_written_names_the_place_and_keeps_the_one_before(
    toy, tmp_path, monkeypatch
):
    def kill(done, total, bases, loss):
        if done == 9:
            raise Killed

    common = {"context": CPU, "state_dir": tmp_path}
    with pytest.raises(Killed):
        train(*make(toy, "finetune"), CONFIG, on_step=kill, **common)
    before = [p.name for p in tmp_path.iterdir()]

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(state, "save_file", full)
        with pytest.raises(InputError, match=r"No space left on device.*resumes"):
            train(*make(toy, "finetune"), CONFIG, **common)
    assert [p.name for p in tmp_path.iterdir()] == before
    resumed = train(*make(toy, "finetune"), CONFIG, **common)
    assert numbers(resumed) == numbers(train(*make(toy, "finetune"), CONFIG, context=CPU))


def test_batches_made_ahead_are_the_same(toy, monkeypatch):
    plain = train(*make(toy, "pretrain"), CONFIG, context=CPU)
    monkeypatch.setattr(loop, "is_accelerator", lambda device: True)
    assert numbers(train(*make(toy, "pretrain"), CONFIG, context=CPU)) == numbers(plain)


def test_divergence_is_an_outcome_with_finite_numbers(toy, tmp_path):
    task, model = make(toy, "finetune")
    seen = []

    def spoil(done, total, bases, loss):
        if done == 9:
            with torch.no_grad():
                model.classifier.dense.weight.fill_(math.nan)

    result = train(
        task,
        model,
        CONFIG,
        context=CPU,
        on_step=spoil,
        on_evaluation=seen.append,
        state_dir=tmp_path,
    )
    assert result.outcome == "diverged"
    assert "step 10" in result.reason
    assert result.best == result.evaluations[-1] == seen[-1]
    assert result.best.metrics["validation/mcc"] == 0.0
    assert all(math.isfinite(v) for e in result.evaluations for v in e.metrics.values())
    assert all(math.isfinite(e.train_loss) for e in result.evaluations)
    # The weights are the last good ones, and a rerun does not try again.
    assert all(bool(p.isfinite().all()) for p in model.parameters())
    rerun = train(*make(toy, "finetune"), CONFIG, context=CPU, state_dir=tmp_path)
    assert (rerun.outcome, rerun.evaluations) == ("diverged", result.evaluations)


def test_divergence_before_the_first_evaluation_gives_back_the_initial_weights(toy):
    task, model = make(toy, "pretrain")
    before = digest(model)
    config = with_(CONFIG, optimizer=OptimizerConfig(learning_rate=0.99, clip=1e6))

    def spoil(done, total, bases, loss):
        with torch.no_grad():
            model.lm_head.bias.fill_(math.inf)

    result = train(task, model, config, context=CPU, on_step=spoil)
    assert result.outcome == "diverged"
    assert digest(model) == before


def test_a_model_that_cannot_learn_is_marked_as_collapsed_after_half_the_budget(toy):
    task, model = make(toy, "finetune")
    # With the inputs cut off, nothing but the class frequency can be learnt.
    with torch.no_grad():
        model.classifier.dense.weight.zero_()
        model.classifier.out_proj.weight.zero_()
    model.classifier.dense.weight.requires_grad_(False)
    model.classifier.out_proj.weight.requires_grad_(False)
    result = train(task, model, with_(CONFIG, evaluations=10), context=CPU)
    assert result.outcome == "collapsed"
    assert len(result.evaluations) == 6
    assert result.best.metrics["validation/mcc"] == 0.0


def test_a_callback_can_stop_and_the_next_call_goes_on(toy, tmp_path):
    whole = train(*make(toy, "finetune"), CONFIG, context=CPU)
    stopped = train(
        *make(toy, "finetune"),
        CONFIG,
        context=CPU,
        state_dir=tmp_path,
        on_evaluation=lambda e: len(e.metrics) > 0,
    )
    assert stopped.outcome == "stopped"
    assert len(stopped.evaluations) == 1
    resumed = train(*make(toy, "finetune"), CONFIG, context=CPU, state_dir=tmp_path)
    assert resumed.outcome == "completed"
    assert numbers(resumed) == numbers(whole)


def test_the_global_generator_is_given_back(toy):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    train(*make(toy, "finetune", dropout=0.3), with_(CONFIG, bases=1000, dropout=0.3), context=CPU)
    assert torch.equal(torch.rand(1), expected)


def test_bf16_learns_too():
    toy = toy_language(400)
    task, model = make(toy, "finetune")
    result = train(task, model, with_(CONFIG, bases=100_000, precision="bf16"), context=CPU)
    assert result.best.metrics["validation/auroc"] > 0.9
    assert model.dtype == torch.float32


@pytest.mark.gpu
def test_gpu_takes_the_steps_of_the_cpu(toy):
    curves = []
    for device in ("cpu", "cuda"):
        task, model = make(toy, "finetune")
        context = DistributedContext(device=torch.device(device))
        result = train(task, model, CONFIG, context=context)
        curves.append([e.train_loss for e in result.evaluations])
    np.testing.assert_allclose(curves[0], curves[1], atol=5e-3)
