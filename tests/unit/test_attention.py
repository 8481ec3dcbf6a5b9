"""Attention weights: those of transformers itself, of the definition of rollout, right with padding."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from dnasweep.attribution.attention import attention
from dnasweep.attribution.block import Block
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.explained_model import ExplainedModel
from dnasweep.attribution.selftest import self_test
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.config import ModelConfig
from dnasweep.errors import InputError
from dnasweep.models.architecture import build_classifier
from dnasweep.models.encoder import attention as module
from dnasweep.models.encoder.attention import first_token_attention, max_rows
from dnasweep.models.families.distance_bias import slopes
from dnasweep.models.predict import predict_probabilities
from toys import toy_language
from transformers import (
    AlbertConfig,
    AlbertForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    EsmConfig,
    EsmForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
)

SHARED = {
    "vocab_size": 40,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "pad_token_id": 0,
    "max_position_embeddings": 40,
}
FAMILIES = {
    "roberta": lambda: RobertaForSequenceClassification(RobertaConfig(**SHARED)),
    "bert": lambda: BertForSequenceClassification(BertConfig(**SHARED)),
    "esm": lambda: EsmForSequenceClassification(
        EsmConfig(**SHARED, position_embedding_type="rotary", mask_token_id=4)
    ),
    "albert": lambda: AlbertForSequenceClassification(AlbertConfig(**SHARED, embedding_size=16)),
}
LENGTHS = (13, 9, 11)


def sharpened(model: torch.nn.Module) -> torch.nn.Module:
    """Return the model with weights that make its attention anything but even."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "query" in name or "key" in name:
                parameter.normal_(0, 0.6)
    return model.eval()


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(5, 40, (len(LENGTHS), max(LENGTHS)), generator=torch.manual_seed(1))
    real = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    return torch.where(real, ids, 0), real


def by_definition(weights: list[torch.Tensor], layers: str) -> torch.Tensor:
    """Return what is asked for from transformers' own weights of one row, (heads, t, t) a layer."""
    means = [one.mean(0) for one in weights]
    if layers == "last":
        return means[-1][0]
    if layers == "all":
        return torch.stack(means).mean(0)[0]
    product = torch.eye(means[0].shape[-1])
    for mean in means:
        mixed = mean + torch.eye(mean.shape[-1])
        product = (mixed / mixed.sum(-1, keepdim=True)) @ product
    return product[0]


@pytest.mark.parametrize("layers", ["last", "all", "rollout"])
@pytest.mark.parametrize("family", FAMILIES)
def test_weights_are_those_transformers_tells(family: str, layers: str) -> None:
    torch.manual_seed(0)
    model = sharpened(FAMILIES[family]())
    model.set_attn_implementation("sdpa")
    told = copy.deepcopy(model)
    told.set_attn_implementation("eager")
    ids, real = batch()
    with torch.inference_mode():
        found = first_token_attention(model, ids, real, layers)  # type: ignore[arg-type]
        for row, length in enumerate(LENGTHS):
            # Each row alone, without padding: what stands beside it must not matter.
            alone = told(input_ids=ids[row : row + 1, :length], output_attentions=True)
            wanted = by_definition([one[0] for one in alone.attentions], layers)
            torch.testing.assert_close(found[row, :length], wanted, atol=2e-6, rtol=1e-5)
            assert not found[row, length:].any()
    torch.testing.assert_close(found.sum(1), torch.ones(len(LENGTHS)))
    assert found[:, 1:9].std() > 0.01
    assert model.config._attn_implementation == "sdpa", "eager for that call alone"


@pytest.mark.parametrize("layers", ["last", "all", "rollout"])
def test_biased_attention_has_its_bias(layers: str) -> None:
    toy = toy_language(8)
    size = ModelConfig(layers=2, hidden=32, heads=4, intermediate=64, positions="alibi")
    model = build_classifier(size, tokenizer=toy.tokenizer, num_tokens=24, dropout=0.0, seed=0)
    sharpened(model)
    ids, real = batch()
    ids = ids % toy.tokenizer.vocab_size
    with torch.inference_mode():
        found = first_token_attention(model, ids, real, layers)  # type: ignore[arg-type]
        for row, length in enumerate(LENGTHS):
            weights = written_out(model, ids[row, :length])
            wanted = by_definition(weights, layers)
            torch.testing.assert_close(found[row, :length], wanted, atol=2e-6, rtol=1e-5)
            assert not found[row, length:].any()


def written_out(model: torch.nn.Module, ids: torch.Tensor) -> list[torch.Tensor]:
    """Return the weights of every layer, (heads, t, t): scores less slope times distance, softmax."""
    roberta, config = model.roberta, model.config
    part = roberta.embeddings
    x = part.LayerNorm(part.word_embeddings(ids) + part.token_type_embeddings.weight[0])
    places = torch.arange(len(ids))
    found = []
    for layer in roberta.encoder.layer:
        own = layer.attention.self
        size = config.hidden_size // config.num_attention_heads
        heads = []
        contexts = []
        for head, slope in enumerate(slopes(config.num_attention_heads)):
            cut = slice(head * size, (head + 1) * size)
            scores = own.query(x)[:, cut] @ own.key(x)[:, cut].T / size**0.5
            weights = (scores - slope * (places[:, None] - places).abs()).softmax(-1)
            heads.append(weights)
            contexts.append(weights @ own.value(x)[:, cut])
        found.append(torch.stack(heads))
        x = layer.attention.output(torch.cat(contexts, 1), x)
        x = layer.output(layer.intermediate(x), x)
    return found


def test_attributions_are_the_share_of_each_token_whatever_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    toy = toy_language(12)
    model = sharpened(
        build_classifier(
            ModelConfig(layers=2, hidden=32, heads=4, intermediate=64),
            tokenizer=toy.tokenizer,
            num_tokens=24,
            dropout=0.0,
            seed=0,
        )
    )
    for layers in ("last", "all", "rollout"):
        config = ExplainConfig(estimator="attention", attention_layers=layers)  # type: ignore[arg-type]
        explainer = Explainer(model, config, tokenizer=toy.tokenizer)
        self_test(explainer, toy.sequences[0])
        found = explainer.explain(toy.sequences)
        monkeypatch.setattr(module, "MAX_WEIGHTS", 1)
        alone = explainer.explain(toy.sequences[3:4])[0]
        monkeypatch.undo()
        np.testing.assert_allclose(found[3].phi, alone.phi, atol=1e-6)
        chances = predict_probabilities(model, toy.tokenizer, toy.sequences)[:, 1]
        for one, chance in zip(found, chances, strict=True):
            assert (one.phi >= 0).all()
            assert 0 < one.phi.sum() < 1
            assert np.isnan(one.base_value)
            assert np.isnan(one.completeness_error)
            assert np.isnan(one.standard_error).all()
            assert 1 / (1 + np.exp(-one.prediction)) == pytest.approx(chance, abs=1e-6)


def test_rows_at_once_are_bounded_by_the_matrices_they_need() -> None:
    model = sharpened(FAMILIES["roberta"]())
    assert max_rows(model, 512, "rollout") == module.MAX_WEIGHTS // (4 * 512 * 512)
    assert max_rows(model, 512, "last") == module.MAX_WEIGHTS // (4 * 512)
    bert = FAMILIES["bert"]()
    assert max_rows(bert, 512, "last") == module.MAX_WEIGHTS // (3 * 4 * 512 * 512)
    assert max_rows(bert, 1 << 20, "last") == 1


def test_a_model_that_does_not_tell_and_sequences_in_windows_are_refused() -> None:
    toy = toy_language(8)
    bert = FAMILIES["bert"]()
    mute = copy.deepcopy(bert)
    mute.forward = lambda **inputs: bert(input_ids=inputs["input_ids"])  # type: ignore[method-assign]
    ids, _ = batch()
    with pytest.raises(InputError, match="does not return its attention"):
        first_token_attention(mute, ids, None, "last")
    size = ModelConfig(
        layers=1, hidden=32, heads=2, intermediate=32, windows="hidden", max_tokens=8
    )
    windowed = build_classifier(size, tokenizer=toy.tokenizer, num_tokens=30, dropout=0.0, seed=0)
    explained = ExplainedModel(windowed.eval(), target=1, value="logit")

    def block_of(tokens: int) -> Block:
        return Block.of(explained, np.full((1, tokens), 6, np.int64), None)

    with pytest.raises(InputError, match="does not reach across the windows"):
        attention(block_of(20), ExplainConfig(estimator="attention"), [])
    found = attention(block_of(8), ExplainConfig(estimator="attention"), [])
    assert found.phi.shape == (1, 6)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"estimator": "attention", "reference": "deletion"}, "reference is deletion"),
        ({"estimator": "attention", "max_evals": 50}, "max_evals is 50"),
        ({"estimator": "in_silico_mutagenesis", "reference": "shuffle"}, "leaves no token out"),
        ({"estimator": "in_silico_mutagenesis", "standard_error": 0.1}, "standard_error needs"),
        ({"attention_layers": "all"}, "for the estimator attention"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ExplainConfig(**settings)


def test_only_settings_that_are_read_make_the_key() -> None:
    attention = ExplainConfig(estimator="attention", seed=3).to_settings()
    assert attention == ExplainConfig(estimator="attention").to_settings()
    assert attention["attention_layers"] == "last"
    assert "attention_layers" not in ExplainConfig().to_settings()
    assert ExplainConfig().to_settings()["reference"] == "mask"
