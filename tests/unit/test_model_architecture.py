"""Encoders: size, seed, positions, and what a classifier takes over from a pretrained one."""

from __future__ import annotations

import pytest
import torch
from dnasweep.config import ModelConfig
from dnasweep.errors import InputError
from dnasweep.models.architecture import build_classifier, build_masked_lm
from dnasweep.models.pretrained.checkpoint import export
from dnasweep.models.training.trained_weights import num_trained
from toys import TINY, toy_language


@pytest.fixture(scope="module")
def toy():
    return toy_language(20)


@pytest.fixture(scope="module")
def encoder(toy, tmp_path_factory):
    model = build_masked_lm(TINY, tokenizer=toy.tokenizer, num_tokens=30, dropout=0.0, seed=3)
    return export(model, toy.tokenizer, tmp_path_factory.mktemp("encoder"))


def test_same_seed_same_weights_and_the_global_generator_is_left_alone(toy):
    def build(seed):
        return build_masked_lm(
            TINY, tokenizer=toy.tokenizer, num_tokens=30, dropout=0.0, seed=seed
        )

    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    one, same, other = build(0).state_dict(), build(0).state_dict(), build(1).state_dict()
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(one[name], same[name]) for name in one)
    name = "roberta.encoder.layer.0.attention.self.query.weight"
    assert not torch.equal(one[name], other[name])


def test_number_of_parameters_of_tiny(toy):
    vocabulary, hidden, positions = toy.tokenizer.vocab_size, 128, 32 + 1
    layer = 4 * (hidden * hidden + hidden) + 2 * 4 * hidden * hidden + 5 * hidden + 4 * hidden
    embeddings = (vocabulary + positions + 1) * hidden + 2 * hidden
    head = hidden * hidden + hidden + 2 * hidden + vocabulary
    model = build_masked_lm(
        ModelConfig.preset("tiny"), tokenizer=toy.tokenizer, num_tokens=32, dropout=0.0, seed=0
    )
    assert num_trained(model)[0] == embeddings + 2 * layer + head


def test_positions_hold_exactly_what_was_asked_for(toy):
    config = ModelConfig(layers=1, hidden=16, heads=2, intermediate=16, max_tokens=22)
    model = build_masked_lm(config, tokenizer=toy.tokenizer, num_tokens=22, dropout=0.0, seed=0)
    ids = torch.full((1, 22), 7)
    assert model(input_ids=ids).logits.shape == (1, 22, toy.tokenizer.vocab_size)
    with pytest.raises((IndexError, RuntimeError), match="out of"):
        model(input_ids=torch.full((1, 23), 7))


def test_too_many_tokens_for_the_model_names_both_and_the_remedy(toy):
    config = ModelConfig(layers=1, hidden=16, heads=2, intermediate=16, max_tokens=21)
    with pytest.raises(InputError, match=r"22 tokens, .* at most 21.*--max-tokens 22"):
        build_masked_lm(config, tokenizer=toy.tokenizer, num_tokens=22, dropout=0.0, seed=0)


def test_classifier_takes_over_the_encoder_and_its_positions(toy, encoder):
    pretrained = build_masked_lm(TINY, tokenizer=toy.tokenizer, num_tokens=30, dropout=0.0, seed=3)
    model = build_classifier(
        TINY,
        tokenizer=toy.tokenizer,
        num_tokens=12,
        num_labels=3,
        dropout=0.1,
        seed=9,
        encoder=encoder,
        label_names=["a", "b", "c"],
    )
    theirs = pretrained.roberta.state_dict()
    assert all(torch.equal(v, theirs[k]) for k, v in model.roberta.state_dict().items())
    assert model.config.max_position_embeddings == 33
    assert model.config.id2label == {0: "a", 1: "b", 2: "c"}
    assert model.config.hidden_dropout_prob == 0.1


def test_encoder_that_does_not_fit_is_refused(toy, encoder, tmp_path):
    common = {"num_tokens": 12, "dropout": 0.0, "seed": 0, "encoder": encoder}
    wider = ModelConfig(layers=2, hidden=64, heads=2, intermediate=64)
    with pytest.raises(InputError, match="hidden_size 32, but the classifier needs 64"):
        build_classifier(wider, tokenizer=toy.tokenizer, **common)
    with pytest.raises(InputError, match="vocab_size"):
        build_classifier(TINY, tokenizer=toy_language(20, spec="char").tokenizer, **common)
    with pytest.raises(InputError, match="40 tokens, but the model reads at most 32"):
        build_classifier(TINY, tokenizer=toy.tokenizer, **(common | {"num_tokens": 40}))
    with pytest.raises(InputError, match="no such model directory"):
        build_classifier(
            TINY, tokenizer=toy.tokenizer, **(common | {"encoder": tmp_path / "missing"})
        )


def test_encoder_of_another_vocabulary_of_the_same_size_is_refused(tmp_path):
    one = toy_language(60, spec="bpe-64", seed=0).tokenizer
    other = toy_language(60, spec="bpe-64", seed=1).tokenizer
    assert one.vocab_size == other.vocab_size
    assert one.tokens != other.tokens
    model = build_masked_lm(TINY, tokenizer=one, num_tokens=30, dropout=0.0, seed=0)
    export(model, one, tmp_path)
    with pytest.raises(InputError, match="another vocabulary"):
        build_classifier(
            TINY, tokenizer=other, num_tokens=30, dropout=0.0, seed=0, encoder=tmp_path
        )
