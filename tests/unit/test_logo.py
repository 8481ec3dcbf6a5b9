"""LOGO's ALBERT: 2 layers of one set of weights, factorised embeddings, pretrained and fine-tuned."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dnasweep.config import ModelConfig, OptimizerConfig, TrainingConfig
from dnasweep.errors import InputError
from dnasweep.models.architecture import build_classifier, build_masked_lm
from dnasweep.models.encoder.forward import masked_logits
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import export, load_classifier
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.train import train
from dnasweep.models.training.trained_weights import num_trained
from toys import class_task, masked_task, toy_language

CPU = DistributedContext(device=torch.device("cpu"))
SMALL = ModelConfig(layers=2, hidden=32, heads=2, intermediate=64, family="albert", embedding=16)


@pytest.fixture(scope="module")
def toy():
    return toy_language(80, ragged=9)


def test_logo_has_the_published_size(toy):
    logo = ModelConfig.preset("logo")
    assert (logo.layers, logo.hidden, logo.heads, logo.intermediate) == (2, 256, 8, 1024)
    assert (logo.family, logo.embedding) == ("albert", 128)
    vocabulary, positions = toy.tokenizer.vocab_size, 24
    model = build_masked_lm(logo, tokenizer=toy.tokenizer, num_tokens=24, dropout=0.0, seed=0)
    embeddings = (vocabulary + positions + 1) * 128 + 2 * 128
    factor = 128 * 256 + 256
    # One layer's weights, however many layers there are.
    layer = 4 * (256 * 256 + 256) + 2 * 256 * 1024 + 1024 + 256 + 4 * 256
    head = 256 * 128 + 128 + 2 * 128 + vocabulary
    assert num_trained(model)[0] == embeddings + factor + layer + head


def test_masked_logits_are_those_of_transformers(toy):
    task = masked_task(toy)
    batch = task.batch(toy.train_rows[:8], 0)
    model = build_masked_lm(SMALL, tokenizer=toy.tokenizer, num_tokens=24, dropout=0.0, seed=0)
    with torch.no_grad():
        full = model.eval()(input_ids=batch.ids, attention_mask=batch.attention.long()).logits
        found = masked_logits(model, batch.ids, batch.attention, batch.positions)
    torch.testing.assert_close(found, full.flatten(0, 1)[batch.positions], atol=1e-5, rtol=1e-5)


def test_pretrained_fine_tuned_and_reloaded(toy, tmp_path):
    longest = int(toy.corpus.num_tokens().max())
    common = {"tokenizer": toy.tokenizer, "num_tokens": longest, "dropout": 0.0, "seed": 0}
    optimizer = OptimizerConfig(learning_rate=3e-3)
    training = TrainingConfig(
        bases=20_000, batch_size=16, micro_batch_size=16, evaluations=2, optimizer=optimizer
    )
    masked = train(masked_task(toy), build_masked_lm(SMALL, **common), training, context=CPU)
    first, last = (e.metrics["validation/bits_per_base"] for e in masked.evaluations)
    assert last < first
    export(masked.model, toy.tokenizer, tmp_path / "encoder")
    model = build_classifier(SMALL, **common, encoder=tmp_path / "encoder")
    theirs = masked.model.albert.state_dict()
    state = model.albert.state_dict()
    assert all(torch.equal(state[name], theirs[name]) for name in theirs)
    result = train(class_task(toy), model, training, context=CPU)
    export(result.model, toy.tokenizer, tmp_path / "classifier")
    assert load_classifier(tmp_path / "classifier").config.model_type == "albert"
    sequences = [toy.sequences[i] for i in toy.validation_rows]
    found = predict_probabilities(tmp_path / "classifier", None, sequences, device="cpu")
    np.testing.assert_allclose(found, result.probabilities, atol=1e-6)
    with pytest.raises(InputError, match="model_type albert, but the classifier needs roberta"):
        build_classifier(
            ModelConfig(layers=2, hidden=32, heads=2, intermediate=64),
            **common,
            encoder=tmp_path / "encoder",
        )
