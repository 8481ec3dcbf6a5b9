"""The lean forward pass gives what the transformers model gives, and the same gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dnasweep.models.architecture import build_classifier, build_masked_lm
from dnasweep.models.encoder.forward import class_logits, masked_logits
from toys import TINY, class_task, masked_task, toy_language


@pytest.fixture(params=[0, 12], ids=["full", "padded"])
def toy(request):
    return toy_language(40, ragged=request.param)


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters()}


def test_masked_loss_and_gradients_are_those_of_transformers(toy):
    task = masked_task(toy)
    batch = task.batch(toy.train_rows[:16], epoch=0)
    model = build_masked_lm(
        TINY, tokenizer=toy.tokenizer, num_tokens=batch.ids.shape[1], dropout=0.0, seed=0
    )
    labels = torch.full(batch.ids.shape, -100).flatten()
    labels[batch.positions] = batch.targets
    attention = torch.ones_like(batch.ids) if batch.attention is None else batch.attention.long()
    theirs = model(
        input_ids=batch.ids, attention_mask=attention, labels=labels.view_as(batch.ids)
    ).loss
    theirs.backward()
    expected = gradients(model)
    model.zero_grad()
    nats, weight = task.loss(model, batch)
    (nats / weight).backward()
    assert (nats / weight).item() == pytest.approx(theirs.item(), abs=1e-6)
    for name, value in gradients(model).items():
        torch.testing.assert_close(value, expected[name], atol=2e-6, rtol=1e-4, msg=name)


def test_logits_are_those_of_transformers(toy):
    masked, classes = masked_task(toy), class_task(toy)
    rows = toy.train_rows[:8]
    batch = masked.batch(rows, epoch=0)
    common = {"tokenizer": toy.tokenizer, "num_tokens": batch.ids.shape[1]}
    model = build_masked_lm(TINY, **common, dropout=0.0, seed=0).eval()
    with torch.no_grad():
        full = model(input_ids=batch.ids, attention_mask=batch.attention).logits
        lean = masked_logits(model, batch.ids, batch.attention, batch.positions)
    torch.testing.assert_close(lean, full.flatten(0, 1)[batch.positions], atol=1e-5, rtol=1e-5)
    classifier = build_classifier(TINY, **common, dropout=0.0, seed=0).eval()
    batch = classes.batch(rows, epoch=0)
    with torch.no_grad():
        full = classifier(input_ids=batch.ids, attention_mask=batch.attention).logits
        lean = class_logits(classifier, batch.ids, batch.attention)
    torch.testing.assert_close(lean, full, atol=1e-6, rtol=1e-5)


def test_padding_and_order_change_nothing():
    toy = toy_language(12, ragged=20)
    task = class_task(toy)
    longest = int(toy.corpus.num_tokens().max())
    model = build_classifier(
        TINY, tokenizer=toy.tokenizer, num_tokens=longest, dropout=0.0, seed=0
    ).eval()
    rows = np.arange(12)
    together = task.batch(rows, 0)
    assert together.attention is not None
    with torch.no_grad():
        whole = class_logits(model, together.ids, together.attention)
        alone = torch.cat([class_logits(model, task.batch(rows[[i]], 0).ids, None) for i in rows])
    torch.testing.assert_close(whole, alone, atol=1e-6, rtol=1e-5)


def test_dropout_acts_in_training_only():
    toy = toy_language(16)
    task = class_task(toy)
    batch = task.batch(np.arange(8), 0)
    model = build_classifier(
        TINY, tokenizer=toy.tokenizer, num_tokens=batch.ids.shape[1], dropout=0.5, seed=0
    )
    model.train()
    assert not torch.equal(
        class_logits(model, batch.ids, None), class_logits(model, batch.ids, None)
    )
    model.eval()
    assert torch.equal(class_logits(model, batch.ids, None), class_logits(model, batch.ids, None))
