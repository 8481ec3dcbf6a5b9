"""Attention biased by distance: the published slopes, the definition, and an honest export."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from dnasweep.config import ModelConfig, TrainingConfig
from dnasweep.errors import InputError
from dnasweep.models.architecture import build_classifier, build_masked_lm
from dnasweep.models.encoder.alibi import register
from dnasweep.models.encoder.forward import class_logits, masked_logits
from dnasweep.models.encoder.roberta import attention_bias
from dnasweep.models.families.distance_bias import bias_of, slopes
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import export, load_classifier, load_masked_lm
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.train import train
from toys import class_task, toy_language
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
)

SIZE = ModelConfig(layers=2, hidden=32, heads=4, intermediate=64, positions="alibi")


@pytest.fixture(scope="module")
def toy():
    return toy_language(60, ragged=12)


def build(toy, kind=build_classifier, **changes):
    common = {"tokenizer": toy.tokenizer, "num_tokens": 24, "dropout": 0.0, "seed": 0}
    return kind(SIZE, **(common | changes)).eval()


def test_slopes_are_those_of_the_paper():
    assert slopes(8) == [2.0**-i for i in range(1, 9)]
    assert slopes(16)[:3] == [2**-0.5, 2**-1.0, 2**-1.5]
    # For 12 heads: the 8 of 8 heads, and every second one of 16.
    assert slopes(12) == [2.0**-i for i in range(1, 9)] + [2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5]


def test_bias_falls_with_the_distance_to_both_sides():
    bias = bias_of(4, 5)
    assert bias.shape == (1, 4, 5, 5)
    for head, slope in enumerate((0.25, 0.0625, 2**-6, 2**-8)):
        expected = [[-slope * abs(i - j) for j in range(5)] for i in range(5)]
        assert bias[0, head].tolist() == expected


def attend_by_hand(model, ids):
    """Return the class logits by the definition: scores plus bias, softmax, one row at a time."""
    roberta, config = model.roberta, model.config
    part = roberta.embeddings
    x = part.LayerNorm(part.word_embeddings(ids) + part.token_type_embeddings.weight[0])
    heads, width = config.num_attention_heads, config.hidden_size // config.num_attention_heads
    for layer in roberta.encoder.layer:
        own = layer.attention.self
        query, key, value = (
            f(x).view(len(ids), heads, width).transpose(0, 1)
            for f in (own.query, own.key, own.value)
        )
        scores = query @ key.transpose(1, 2) / math.sqrt(width) + bias_of(heads, len(ids))[0]
        mixed = (scores.softmax(-1) @ value).transpose(0, 1).reshape(len(ids), -1)
        x = layer.attention.output(mixed, x)
        x = layer.output(layer.intermediate(x), x)
    return model.classifier(x[None])[0]


def test_logits_are_those_of_the_definition_padded_or_not(toy):
    model = build(toy)
    batch = class_task(toy).batch(np.arange(8), 0)
    assert batch.attention is not None
    with torch.no_grad():
        found = class_logits(model, batch.ids, batch.attention)
        own = model(input_ids=batch.ids, attention_mask=batch.attention.long()).logits
        torch.testing.assert_close(found, own)
        for i, row in enumerate(batch.ids):
            expected = attend_by_hand(model, row[batch.attention[i]])
            torch.testing.assert_close(found[i], expected, atol=1e-6, rtol=1e-5)


def test_embeddings_instead_of_ids_give_the_same_logits(toy):
    model = build(toy)
    batch = class_task(toy).batch(np.arange(8), 0)
    mask = batch.attention.long()
    with torch.no_grad():
        embedded = model.get_input_embeddings()(batch.ids)
        found = model(inputs_embeds=embedded, attention_mask=mask).logits
        torch.testing.assert_close(found, class_logits(model, batch.ids, batch.attention))
        assert not torch.allclose(
            model(inputs_embeds=-embedded, attention_mask=mask).logits, found
        )


def test_order_is_told_by_the_bias_alone(toy):
    model = build(toy)
    assert not any("position_embeddings" in name for name in model.state_dict())
    ids = torch.tensor([[2, 6, 7, 8, 9, 10, 3], [2, 10, 9, 8, 7, 6, 3]])
    with torch.no_grad():
        forwards, backwards = class_logits(model, ids, None)
        assert not torch.allclose(forwards, backwards, atol=1e-7)
        model.roberta.kept_bias = torch.zeros(1, 4, 7, 7)
        forwards, backwards = class_logits(model, ids, None)
        torch.testing.assert_close(forwards, backwards, atol=1e-6, rtol=1e-5)


def test_longer_sequences_than_trained_on_are_read(toy):
    model = build(toy)
    long = ["ACGTTGCA" * 60]
    assert predict_probabilities(model, toy.tokenizer, long, device="cpu").shape == (1, 2)
    assert attention_bias(model.roberta, 3).shape[-1] == 3, "a shorter one is a part of it"


def test_a_bias_kept_from_evaluation_serves_training(toy):
    model = build(toy)
    training = TrainingConfig(bases=3000, batch_size=16, micro_batch_size=8, evaluations=3)
    result = train(
        class_task(toy), model, training, context=DistributedContext(device=torch.device("cpu"))
    )
    assert len(result.evaluations) == 3


def test_export_says_how_it_is_loaded_and_transformers_alone_refuses_it(toy, tmp_path):
    classifier, masked = build(toy), build(toy, build_masked_lm)
    export(classifier, toy.tokenizer, tmp_path / "classifier")
    export(masked, toy.tokenizer, tmp_path / "masked")
    said = json.loads((tmp_path / "classifier" / "config.json").read_text())
    assert "load_classifier" in said["how_to_load"]
    ids = torch.tensor([[2, 6, 7, 8, 3]])
    with torch.no_grad():
        expected = class_logits(classifier, ids, None)
        again = load_classifier(tmp_path / "classifier")
        torch.testing.assert_close(class_logits(again, ids, None), expected)
        words = masked_logits(masked, ids, None, torch.tensor([1, 2]))
        again = load_masked_lm(tmp_path / "masked")
        torch.testing.assert_close(masked_logits(again, ids, None, torch.tensor([1, 2])), words)
        try:
            known = AutoConfig.for_model("dnasweep-alibi-roberta") is not None
        except ValueError:
            known = False
        if not known:
            with pytest.raises(ValueError, match="dnasweep-alibi-roberta"):
                AutoModelForSequenceClassification.from_pretrained(tmp_path / "classifier")
        register()
        plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "classifier")
        torch.testing.assert_close(plain(input_ids=ids).logits, expected)
        plain = AutoModelForMaskedLM.from_pretrained(tmp_path / "masked")
        torch.testing.assert_close(plain(input_ids=ids).logits[0, 1:3], words)


def test_a_classifier_takes_over_a_pretrained_encoder(toy, tmp_path):
    masked = build(toy, build_masked_lm, seed=5)
    export(masked, toy.tokenizer, tmp_path)
    # More tokens than it was pretrained on: that is what it is for.
    model = build(toy, encoder=tmp_path, num_tokens=90)
    theirs = masked.roberta.state_dict()
    assert all(torch.equal(v, theirs[k]) for k, v in model.roberta.state_dict().items())
    learned = ModelConfig(layers=2, hidden=32, heads=4, intermediate=64)
    with pytest.raises(InputError, match="model_type dnasweep-alibi-roberta"):
        build_classifier(
            learned, tokenizer=toy.tokenizer, num_tokens=9, dropout=0.0, seed=0, encoder=tmp_path
        )


@pytest.mark.parametrize("name", ["logo-alibi", "tiny-rope", "tinyalibi", "4x-alibi"])
def test_presets_that_mean_nothing_are_refused(name):
    with pytest.raises(InputError):
        ModelConfig.preset(name)


def test_presets_have_what_their_names_say():
    size = ModelConfig.preset("4x192-alibi", max_tokens=40)
    assert (size.layers, size.hidden, size.heads, size.positions) == (4, 192, 3, "alibi")
    assert ModelConfig.preset("4x192", max_tokens=40).positions == "learned"
