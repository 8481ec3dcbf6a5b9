"""The shared forward pass over many rows against the model's own."""

import copy

import numpy as np
import pytest
import torch
from dnasweep.config import ModelConfig
from dnasweep.models.architecture import build_classifier
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.encoder.many_rows import forward_of, rows_per_batch
from dnasweep.models.encoder.perturbations import CPU_TOKENS_AT_ONCE
from toys import toy_language


def toy(layers, num_tokens=30):
    """Return a classifier with weights far from where training begins, and rows of tokens."""
    language = toy_language(9)
    config = ModelConfig(layers=layers, hidden=32, heads=2, intermediate=64)
    model = build_classifier(
        config,
        tokenizer=language.tokenizer,
        num_tokens=num_tokens,
        dropout=0.1,
        seed=0,
        num_labels=3,
    ).eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    ids = language.tokenizer.encode(language.sequences).ids.reshape(9, -1)
    return model, torch.from_numpy(ids).long()


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_logits_are_those_of_the_model(layers):
    model, ids = toy(layers)
    weights = copy.deepcopy(model.state_dict())
    forward = forward_of(model, "fp32")
    with torch.inference_mode():
        for width in (ids.shape[1], ids.shape[1] - 4):
            expected = model(ids[:, :width]).logits
            for rows in (9, 4):
                found = forward(ids[:rows, :width], None)
                torch.testing.assert_close(found, expected[:rows], atol=2e-5, rtol=1e-5)
    assert np.ptp(expected.numpy()) > 0.5
    for name, value in model.state_dict().items():
        assert torch.equal(value, weights[name]), name


@pytest.mark.parametrize("layers", [2, 3])
def test_a_batch_that_is_finished_piece_by_piece(layers):
    model, ids = toy(layers)
    ids = ids.repeat(2 + 2 * CPU_TOKENS_AT_ONCE // ids.numel(), 1)
    with torch.inference_mode():
        found = forward_of(model, "fp32")(ids, None)
        torch.testing.assert_close(found, model(ids).logits, atol=2e-5, rtol=1e-5)
    assert ids.numel() > 2 * CPU_TOKENS_AT_ONCE
    assert ids.numel() % CPU_TOKENS_AT_ONCE, "the last piece is shorter"


def test_padded_rows_run_as_they_are():
    model, ids = toy(2)
    attention = torch.ones_like(ids, dtype=torch.bool)
    attention[0, -5:] = False
    with torch.inference_mode():
        found = forward_of(model, "fp32")(ids, attention)
        torch.testing.assert_close(found, class_logits(model, ids, attention))


def test_batches_fit_the_caches():
    assert rows_per_batch(52, torch.device("cpu"), {}) == 59
    assert rows_per_batch(10**6, torch.device("cpu"), {}) == 1
