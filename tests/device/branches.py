"""What is done on an accelerator alone: looks, batches made ahead, memory, bf16, and batches by real cards."""

from __future__ import annotations

import threading
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from device_toys import CONFIG, train_on
from dnasweep import devices
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.models.encoder import batch_memory
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.encoder.many_rows import ACCELERATOR_TOKENS, rows_per_batch
from dnasweep.models.encoder.precision import precision_on_device
from dnasweep.models.families import selective_scan
from dnasweep.models.pretrained.checkpoint import load_classifier
from dnasweep.models.training.loop import Loop
from golden_models import cases
from shap_toys import write_model
from standin import CARD, DEVICE
from standin.card import GIB
from torch.utils._python_dispatch import TorchDispatchMode

HERE = torch.device(DEVICE)
CARDS = (8, 16, 24, 40, 80, 141)
"""Memory of a GTX 1080, T4, L4, A100 with 40 and with 80, and H200, in GiB."""
BASE = {"model_type": "roberta", "hidden_size": 768, "intermediate_size": 3072}
LARGE = {"model_type": "esm", "hidden_size": 2560, "intermediate_size": 10240}
CADUCEUS = {"model_type": "caduceus", "d_model": 256, "rcps": True}


def test_losses_are_looked_at_every_sixteen_steps(monkeypatch):
    looks, steps = [], []
    plain = Loop.check_losses

    def look(loop):
        looks.append(loop.progress.step)
        return plain(loop)

    monkeypatch.setattr(Loop, "check_losses", look)
    config = replace(CONFIG, bases=20_000, batch_size=8, evaluations=1)
    result = train_on(DEVICE, "binary", config, on_step=lambda done, *_: steps.append(done))
    assert steps == list(range(1, result.steps + 1))
    assert looks == [*range(16, result.steps, 16), result.steps]


def test_batches_are_made_ahead_in_another_thread(monkeypatch):
    threads = []
    plain = Loop._make_batches

    def make(loop, progress):
        threads.append(threading.current_thread() is threading.main_thread())
        return plain(loop, progress)

    monkeypatch.setattr(Loop, "_make_batches", make)
    train_on(DEVICE, "binary")
    # The first step has nobody to make its batches before it.
    assert threads[0]
    assert threads.count(False) >= len(threads) - 2


def test_peak_memory_is_that_of_the_card_since_the_training_began():
    reset = CARD.reset
    assert train_on(DEVICE, "binary").peak_memory_bytes == CARD.peak
    assert CARD.reset == reset + 1


def test_bf16_is_the_default_where_the_card_has_it(monkeypatch):
    assert precision_on_device("auto", HERE) == "bf16"
    assert precision_on_device("fp32", HERE) == "fp32"
    assert precision_on_device("auto", torch.device("cpu")) == "fp32"
    monkeypatch.setattr(CARD, "bf16", False)
    assert precision_on_device("auto", HERE) == "fp32"


def test_the_card_is_the_best_device(monkeypatch):
    assert devices.best_device() == HERE
    monkeypatch.setattr(type(CARD), "is_available", lambda card: False)
    assert devices.best_device() == torch.device("cpu")


def test_memory_that_torch_keeps_is_free(monkeypatch):
    free = devices.free_memory(HERE)
    monkeypatch.setattr(CARD, "free", CARD.free - 30 * GIB)
    monkeypatch.setattr(CARD, "reserved", 30 * GIB)
    assert devices.free_memory(HERE) == free
    monkeypatch.setattr(CARD, "allocated", 10 * GIB)
    assert devices.free_memory(HERE) == free - 10 * GIB


@pytest.mark.parametrize("memory", CARDS)
@pytest.mark.parametrize("config", [BASE, LARGE, CADUCEUS], ids=["base", "3B", "caduceus"])
def test_a_batch_takes_less_than_its_share_of_a_card(memory, config, monkeypatch):
    monkeypatch.setattr(CARD, "total", memory * GIB)
    before = 0
    for tokens in (1 << 17, 4096, 512, 52):
        rows = rows_per_batch(tokens, HERE, config)
        taken = rows * tokens * batch_memory.bytes_per_token(config, tokens)
        assert rows == 1 or taken <= batch_memory.SHARE * memory * GIB
        assert rows * tokens <= max(tokens, ACCELERATOR_TOKENS)
        assert rows >= before
        before = rows
    # A batch is no smaller than it has to be.
    assert rows * 52 >= ACCELERATOR_TOKENS - 52 or taken > 0.39 * memory * GIB


KNOWN = [
    [896, 268, 189],
    [1260, 537, 379],
    [1260, 806, 569],
    [1260, 1260, 948],
    [1260, 1260, 1260],
    [1260, 1260, 1260],
]
"""Rows of 52 tokens by card, for a model of 110 M parameters, one of 3 G and the largest Caduceus."""


def test_batches_of_known_cards(monkeypatch):
    found = []
    for memory in CARDS:
        monkeypatch.setattr(CARD, "total", memory * GIB)
        found.append([rows_per_batch(52, HERE, config) for config in (BASE, LARGE, CADUCEUS)])
    assert found == KNOWN


@pytest.mark.parametrize("memory", CARDS)
def test_batches_of_an_explanation_follow_the_free_memory(memory, tmp_path, monkeypatch):
    model = Explainer(write_model(tmp_path), ExplainConfig(), device=DEVICE).model
    monkeypatch.setattr(model, "_settings", BASE)
    monkeypatch.setattr(CARD, "free", memory * GIB)
    whole = model.batch_size(512)
    per_row = 512 * batch_memory.bytes_per_token(BASE, 512)
    assert whole == min(8192, int(0.4 * memory * GIB / per_row))
    assert model.batch_size(52) == min(8192, int(0.4 * memory * GIB / (per_row * 52 / 512)))
    monkeypatch.setattr(CARD, "free", 0)
    assert model.batch_size(512) == 1


class Peak(TorchDispatchMode):
    """Counts the bytes of tensors that are alive, and the most there were."""

    def __init__(self):
        super().__init__()
        self.alive = self.most = 0
        self._known = {}

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        for tensor in found if isinstance(found, list | tuple) else [found]:
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self._known:
                    self._known[storage._cdata] = storage.nbytes()
                    self.alive += storage.nbytes()
                    self.most = max(self.most, self.alive)
                    weakref.finalize(storage, self._forget, storage._cdata)
        return found

    def _forget(self, key):
        self.alive -= self._known.pop(key)


@pytest.mark.parametrize(
    "case", cases("dnabert2", "gena", "nt_v1", "nt_v2", "hyenadna", "caduceus")
)
def test_a_forward_pass_needs_no_more_than_is_said(case, monkeypatch):
    model = load_classifier(case / "classifier")
    # The CPU goes from token to token.
    monkeypatch.setattr(selective_scan, "sequential_scan", selective_scan.associative_scan)
    ids = torch.from_numpy(np.random.default_rng(0).integers(5, 8, (48, 48)))
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    with torch.no_grad(), Peak() as peak:
        class_logits(model, ids, None)
    said = ids.numel() * batch_memory.bytes_per_token(model.config.to_dict(), 48)
    assert said / 3 < peak.most < said + weights
