"""Masks that grow harder while a training goes on: the same however it is cut, shared or resumed."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
import torch.multiprocessing as multiprocessing
from dnasweep.config import OptimizerConfig, TrainingConfig
from dnasweep.models.architecture import build_masked_lm
from dnasweep.models.training import loop
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.train import train
from toys import TINY, gloo_worker, masked_task, toy_language, train_toys_on_this_worker

CPU = DistributedContext(device=torch.device("cpu"))
CONFIG = TrainingConfig(
    bases=20_000,
    batch_size=16,
    micro_batch_size=8,
    evaluations=4,
    optimizer=OptimizerConfig(learning_rate=3e-3),
)
SCHEMES = ("cm_step", "cm_gems")
# Perplexities of this toy fall by 3.6 and then by 1.1 between its first evaluations.
THRESHOLD = 2.0


@pytest.fixture(scope="module")
def toy():
    return toy_language(90, spec="kmer-3-overlap", ragged=9)


def make(toy, scheme: str, threshold: float = THRESHOLD):
    longest = int(toy.corpus.num_tokens().max())
    model = build_masked_lm(TINY, tokenizer=toy.tokenizer, num_tokens=longest, dropout=0.0, seed=0)
    return masked_task(toy, scheme=scheme, threshold=threshold), model


def numbers(result):
    return [(e.step, e.bases_seen, e.metrics, e.train_loss) for e in result.evaluations]


class Recorder:
    """A task that remembers by which scheme each of its batches was masked."""

    def __init__(self, task) -> None:
        self._task, self.used = task, {}

    def __getattr__(self, name):
        return getattr(self._task, name)

    def batch(self, rows, epoch, moment):
        scheme = self._task.scheme.at(moment, seed=self._task.seed).name
        self.used.setdefault(moment.step, []).append(scheme)
        return self._task.batch(rows, epoch, moment)


def schemes_of(toy, scheme: str, config=CONFIG, **how):
    task, model = make(toy, scheme, **how)
    recorder = Recorder(task)
    result = train(recorder, model, config, context=CPU)
    return recorder.used, result


def test_cm_step_masks_the_whole_of_a_step_by_one_scheme_and_harder_ones_come_late(toy):
    used, result = schemes_of(toy, "cm_step", replace(CONFIG, bases=60_000))
    assert all(len(set(names)) == 1 for names in used.values())
    hard = [used[step][0] == "global_pmi" for step in range(result.steps)]
    half = result.steps // 2
    assert sum(hard[half:]) > sum(hard[:half])


def test_cm_gems_goes_over_at_the_evaluation_at_which_perplexity_has_stalled(toy):
    used, result = schemes_of(toy, "cm_gems")
    perplexities = [e.metrics["validation/perplexity"] for e in result.evaluations]
    steps = [e.step for e in result.evaluations]
    stalled = next(
        i for i in range(1, 4) if abs(perplexities[i] - perplexities[i - 1]) < THRESHOLD
    )
    assert stalled < 3, "the toy has to stall before its last evaluation for this to show anything"
    for step, names in used.items():
        assert set(names) == {"global_pmi" if step >= steps[stalled] else "genemask"}
    never, _ = schemes_of(toy, "cm_gems", threshold=0.0)
    assert {name for names in never.values() for name in names} == {"genemask"}


def test_metrics_say_what_is_hidden_by_now(toy):
    early, late = (
        make(toy, "cm_gems")[0].describe(loop.MaskingProgress(1, 2, seen))
        for seen in ((), (5.0, 5.0))
    )
    for name in ("genemask", "global_pmi"):
        found = make(toy, name)[0].describe(loop.MaskingProgress())
        assert found == (early if name == "genemask" else late)
    half = make(toy, "cm_step")[0].describe(loop.MaskingProgress(50, 100))
    parts = [
        make(toy, name)[0].describe(loop.MaskingProgress()) for name in ("span", "global_pmi")
    ]
    for metric, value in half.items():
        assert value == pytest.approx(sum(part[metric] for part in parts) / 2)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_micro_batches_change_nothing(toy, scheme):
    results = [
        train(*make(toy, scheme), replace(CONFIG, micro_batch_size=size), context=CPU)
        for size in (16, 4)
    ]
    for one, other in zip(*(r.evaluations for r in results), strict=True):
        assert one.metrics == pytest.approx(other.metrics, rel=1e-3)
        assert one.train_loss == pytest.approx(other.train_loss, abs=1e-4)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_batches_made_ahead_of_an_evaluation_are_made_anew_after_it(toy, scheme, monkeypatch):
    plain = train(*make(toy, scheme), CONFIG, context=CPU)
    monkeypatch.setattr(loop, "is_accelerator", lambda device: True)
    assert numbers(train(*make(toy, scheme), CONFIG, context=CPU)) == numbers(plain)


class Killed(Exception):
    """Stands for the death of the process."""


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kill_at", [13, 19])
def test_killed_and_resumed_is_uninterrupted_to_the_bit(toy, scheme, kill_at, tmp_path):
    whole = train(*make(toy, scheme), CONFIG, context=CPU)

    def kill(done, total, bases, loss):
        if done == kill_at:
            raise Killed

    common = {"context": CPU, "state_dir": tmp_path}
    with pytest.raises(Killed):
        train(*make(toy, scheme), CONFIG, on_step=kill, **common)
    resumed = train(*make(toy, scheme), CONFIG, **common)
    assert numbers(resumed) == numbers(whole)
    for one, other in zip(resumed.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_two_workers_mask_as_one(tmp_path):
    runs = dict.fromkeys(SCHEMES, CONFIG)
    out = {workers: tmp_path / str(workers) for workers in (1, 2)}
    train_toys_on_this_worker(0, runs=runs, out=str(out[1]))
    job = partial(train_toys_on_this_worker, runs=runs, out=str(out[2]))
    multiprocessing.spawn(gloo_worker, args=(2, str(tmp_path / "rendezvous"), job), nprocs=2)
    one, two = (json.loads(out[workers].read_text()) for workers in (1, 2))
    for scheme in runs:
        np.testing.assert_allclose(one[scheme]["losses"], two[scheme]["losses"], atol=1e-4)
        for mine, theirs in zip(one[scheme]["metrics"], two[scheme]["metrics"], strict=True):
            assert mine == pytest.approx(theirs, abs=1e-3)
