"""Every masking scheme, every task, every way of tuning and resuming: the CPU's losses and metrics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from device_toys import CONFIG, language, model_for, numbers, task_named, train_on
from dnasweep.config import TuningConfig
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.train import train
from dnasweep.models.training.trained_weights import merge, tune
from dnasweep.tokens.masking.scheme import SCHEMES
from standin import DEVICE
from toys import toy_language

TASKS = ("binary", "multiclass", "multilabel", "regression", "token", "profile")


@pytest.mark.parametrize("name", [*SCHEMES, *TASKS])
def test_a_training_is_that_of_the_cpu(name):
    here, there = train_on("cpu", name), train_on(DEVICE, name)
    assert there.outcome == here.outcome
    assert there.model.device.type == "standin"
    np.testing.assert_allclose(numbers(there), numbers(here), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "name",
    [
        "binary",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("span", "regression", "token")),
    ],
)
def test_bf16_is_near_fp32(name):
    exact = train_on(DEVICE, name)
    rounded = train_on(DEVICE, name, replace(CONFIG, precision="bf16"))
    losses = [[e.train_loss for e in result.evaluations] for result in (exact, rounded)]
    assert losses[0] != losses[1]
    np.testing.assert_allclose(*losses, rtol=2e-2, atol=2e-2)
    assert {p.dtype for p in rounded.model.parameters()} == {torch.float32}


@pytest.mark.parametrize("method", ["probe", "lora"])
def test_tuning_of_a_part_is_that_of_the_cpu(method):
    found = []
    for device in ("cpu", DEVICE):
        toy = language("binary")
        task = task_named("binary", toy)
        model = model_for(task, toy)
        rank = {"rank": 2, "alpha": 4} if method == "lora" else {}
        tune(model, TuningConfig(method=method, **rank), seed=0)
        context = DistributedContext(device=torch.device(device))
        result = train(task, model, CONFIG, context=context)
        if method == "lora":
            merge(model)
        found.append(numbers(result))
        assert model.device.type == device.partition(":")[0]
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["cm_gems", "binary"])
def test_a_training_that_was_killed_goes_on_from_its_state(name, tmp_path):
    config = replace(CONFIG, bases=4_000, dropout=0.1)
    whole = train_on(DEVICE, name, config)

    class Killed(Exception):
        pass

    def kill(done, total, bases, loss):
        if done == 4:
            raise Killed

    with pytest.raises(Killed):
        train_on(DEVICE, name, config, state_dir=tmp_path, on_step=kill)
    resumed = train_on(DEVICE, name, config, state_dir=tmp_path)
    assert numbers(resumed) == numbers(whole)
    for a, b in zip(resumed.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(a.cpu(), b.cpu())
    # A finished one is read on another machine too.
    assert numbers(train_on("cpu", name, config, state_dir=tmp_path)) == numbers(whole)


def test_rows_of_both_strands_weights_of_classes_and_windows():
    from toys import TINY, regular_task

    found = []
    for device in ("cpu", DEVICE):
        toy = toy_language(60, ragged=9)
        task = regular_task(toy)
        size = replace(TINY, max_tokens=12, windows="log-odds")
        context = DistributedContext(device=torch.device(device))
        found.append(
            numbers(train(task, model_for(task, toy, size=size), CONFIG, context=context))
        )
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["random", "binary", "token"])
def test_a_training_on_real_tokens_alone_is_that_of_the_cpu(name):
    found = []
    for device in ("cpu", DEVICE):
        spec = "kmer-3-overlap" if name == "token" else "kmer-3"
        toy = toy_language(60, spec=spec, ragged=40)
        task = task_named(name, toy)
        context = DistributedContext(device=torch.device(device))
        found.append(numbers(train(task, model_for(task, toy), CONFIG, context=context)))
    np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-4)


def test_generators_are_given_back():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    train_on(DEVICE, "binary", replace(CONFIG, dropout=0.3))
    assert torch.equal(torch.rand(1), expected)
