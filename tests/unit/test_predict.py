"""Probabilities do not depend on order, batch or company."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from dnasweep.data.labels import Labels
from dnasweep.errors import InputError
from dnasweep.genomics import predictions
from dnasweep.models.architecture import build_classifier
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import export, load_classifier
from dnasweep.tasks.registry import task_of
from toys import TINY, toy_language


@pytest.fixture(scope="module")
def toy():
    return toy_language(50, ragged=30)


@pytest.fixture(scope="module")
def model(toy):
    # Large weights: probabilities far from a half, so that a mix-up shows.
    model = build_classifier(TINY, tokenizer=toy.tokenizer, num_tokens=24, dropout=0.2, seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(5)
    return model


def predict(model, toy, sequences, **settings):
    return predict_probabilities(model, toy.tokenizer, sequences, device="cpu", **settings)


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_batch_size_and_order_change_nothing(model, toy, batch_size):
    expected = predict(model, toy, toy.sequences, batch_size=50)
    assert expected.std() > 0.01
    assert expected.sum(1) == pytest.approx(np.ones(50))
    np.testing.assert_allclose(
        predict(model, toy, toy.sequences, batch_size=batch_size), expected, atol=2e-6
    )
    order = np.random.default_rng(0).permutation(50)
    shuffled = predict(model, toy, [toy.sequences[i] for i in order], batch_size=batch_size)
    np.testing.assert_allclose(shuffled, expected[order], atol=2e-6)


def test_one_sequence_alone_is_as_in_company(model, toy):
    expected = predict(model, toy, toy.sequences)
    np.testing.assert_allclose(predict(model, toy, toy.sequences[3:4]), expected[3:4], atol=2e-6)


def test_the_model_is_left_as_it_was(model, toy):
    model.train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    predict(model, toy, toy.sequences[:4])
    assert model.training
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_a_sequence_too_long_is_named_by_row(model, toy):
    with pytest.raises(InputError, match=r"row 3: the sequence has 42 tokens, .* at most 24"):
        predict(model, toy, [toy.sequences[0], "", "ACG" * 40])


def test_of_a_very_long_sequence_only_the_beginning_is_cut_before_it_is_refused():
    """A chromosome given by mistake took 72 bytes of memory a base."""
    table = pd.DataFrame({"id": ["chr1"], "sequence": ["ACGT" * (5 << 20)]})

    class Counting:
        longest = 0

        def encode(self, sequences):
            self.longest = max(self.longest, *map(len, sequences))
            ends = np.cumsum([0, *(len(s) // 6 for s in sequences)])
            return SimpleNamespace(offsets=ends)

    tokenizer = Counting()
    predictor = SimpleNamespace(tokenizer=tokenizer, capacity=512, average=True)
    with pytest.raises(InputError, match=r"'chr1' of 20,971,520 bases has more than 512 tokens"):
        predictions.Predictor.check(predictor, table)
    assert tokenizer.longest == predictions.PREFIX


def test_nothing_in_nothing_out(model, toy):
    assert predict(model, toy, []).shape == (0, 2)


def test_bf16_is_close(model, toy):
    exact = predict(model, toy, toy.sequences, dtype="fp32")
    np.testing.assert_allclose(predict(model, toy, toy.sequences, dtype="bf16"), exact, atol=0.1)


NUMBERS = Labels(task="regression", names=("strength",))
SIGNALS = Labels(task="profile", names=("atac",), places=2)


@pytest.mark.parametrize(("labels", "larger"), [(NUMBERS, 5), (SIGNALS, 1)])
def test_numbers_far_from_zero_keep_their_differences_in_bf16(toy, labels, larger, tmp_path):
    task = task_of(labels)
    model = build_classifier(
        TINY,
        tokenizer=toy.tokenizer,
        num_tokens=24,
        num_labels=1,
        label_names=labels.names,
        head=task.head,
        places=task.places,
        dropout=0.0,
        seed=0,
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(larger)
    # The labels are around 1,000, where neighbouring bf16 numbers differ by 4.
    objective = task.objective(np.array([[999.0, 1001.0]]).reshape(-1, task.places))
    task.finish(model, objective, {}, None)
    exact = predict(model, toy, toy.sequences, dtype="fp32")
    export(model, toy.tokenizer, tmp_path)
    for one in (model, load_classifier(tmp_path)):
        found = predict(one, toy, toy.sequences, dtype="bf16")
        assert np.abs(found - exact).max() < 0.1 * exact.std()


@pytest.mark.gpu
def test_gpu_gives_the_cpus_probabilities(model, toy):
    exact = predict(model, toy, toy.sequences)
    found = predict_probabilities(model, toy.tokenizer, toy.sequences, device="cuda", dtype="fp32")
    np.testing.assert_allclose(found, exact, atol=1e-4)
