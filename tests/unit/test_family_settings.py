"""Settings of the field's models: each computes what its definition says, also after a way through files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from dnasweep.errors import InputError
from dnasweep.genomics.variant_models import open_model
from dnasweep.models.families.caduceus import CaduceusConfig, CaduceusForMaskedLM
from dnasweep.models.families.dnabert2 import (
    HEAD_EPS,
    DnaBert2Config,
    DnaBert2ForMaskedLM,
    DnaBert2ForSequenceClassification,
)
from dnasweep.models.families.gena import GenaConfig, GenaForMaskedLM
from dnasweep.models.families.hyenadna import HyenaDnaConfig, HyenaDnaForCausalLM
from dnasweep.models.families.mamba import BidirectionalMamba
from dnasweep.models.families.nucleotide_transformer import (
    NucleotideTransformerConfig,
    NucleotideTransformerForMaskedLM,
)
from dnasweep.models.pretrained.checkpoint import (
    load_causal_lm,
    load_classifier,
    load_masked_lm,
)
from family_sizes import LETTERS, SIZE
from safetensors.torch import load_file, save_file

HYENA = {**LETTERS, "d_inner": 24, "filter_order": 8, "max_seq_len": 40}
COMPLEMENTS = {"7": 10, "8": 9, "9": 8, "10": 7}
PUBLISHED = {"pad_token_id": 1, "position_embedding_type": "rotary", "add_bias_fnn": False}
"""Settings of published Nucleotide Transformers v2."""
ROWS = torch.tensor(
    [[7, 8, 9, 10, 10, 7, 9, 9, 8, 7, 10, 1], [9, 7, 7, 8, 10, 9, 8, 8, 7, 9, 10, 1]]
)


def shaken(model):
    """Return a model whose weights are all random, so that none is a neutral element."""
    torch.manual_seed(0)
    with torch.no_grad():
        for value in (*model.parameters(), *model.buffers()):
            if value.is_floating_point():
                value.add_(0.2 * torch.randn_like(value))
    return model.eval()


def reloaded(model, folder: Path, load=load_masked_lm):
    """Return a model after a way through files."""
    model.save_pretrained(folder)
    return load(folder)


def same(one, other, ids=ROWS) -> None:
    with torch.no_grad():
        expected = one(input_ids=ids).logits
        assert expected.std() > 1e-3
        torch.testing.assert_close(other(input_ids=ids).logits, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_the_short_filter_of_hyenadna_reads_from_two_tokens_before(order, tmp_path):
    model = shaken(HyenaDnaForCausalLM(HyenaDnaConfig(**HYENA, short_filter_order=order)))
    same(model, reloaded(model, tmp_path, load_causal_lm))
    mixer, x = model.hyena.backbone.layers[0].mixer, torch.randn(1, 9, 16)
    with torch.no_grad():
        taps, parts = mixer.short_filter.weight[:, 0], mixer.in_proj(x)[0]
        padded = F.pad(parts, (0, 0, 2, order))
        read = torch.stack([(padded[t : t + order].T * taps).sum(1) for t in range(9)])
        gate, first, value = (read + mixer.short_filter.bias).split(16, dim=1)
        value, long = value * first, mixer.filter_fn(9).T
        mixed = torch.stack([sum(long[s] * value[t - s] for s in range(t + 1)) for t in range(9)])
        expected = mixer.out_proj((mixed + mixer.filter_fn.bias * value) * gate)
        torch.testing.assert_close(mixer(x)[0], expected, atol=1e-5, rtol=1e-5)


def test_filters_of_hyenadna_that_its_authors_code_cannot_run_are_refused(tmp_path):
    model = HyenaDnaForCausalLM(HyenaDnaConfig(**HYENA))
    model.save_pretrained(tmp_path)
    for name, value in (("short_filter_order", 6), ("hyena_order", 3)):
        change(tmp_path, **{name: value})
        with pytest.raises(InputError, match=f"sets {name} to {value}, which HyenaDNA does not"):
            load_causal_lm(tmp_path)
        change(tmp_path, **{name: 3 if name == "short_filter_order" else 2})


def test_frequencies_of_hyenadna_that_were_not_trained_are_those_of_the_settings(tmp_path):
    config = HyenaDnaConfig(**HYENA, train_freq=False, activation_freq=3)
    model = shaken(HyenaDnaForCausalLM(config))
    trained = HyenaDnaForCausalLM(HyenaDnaConfig(**HYENA, use_bias=False))
    trained.load_state_dict(model.state_dict(), strict=False)
    for layer in trained.hyena.backbone.layers:
        torch.nn.init.constant_(layer.mixer.filter_fn.implicit_filter["1"].freq, 3.0)
    same(trained.eval(), reloaded(model, tmp_path, load_causal_lm))
    assert not [name for name in load_file(tmp_path / "model.safetensors") if "freq" in name]


def test_a_head_of_hyenadna_may_be_its_embeddings(tmp_path):
    model = HyenaDnaForCausalLM(HyenaDnaConfig(**HYENA, tie_word_embeddings=True))
    again = reloaded(shaken(model), tmp_path, load_causal_lm)
    assert "lm_head.weight" not in load_file(tmp_path / "model.safetensors")
    with torch.no_grad():
        states = again.hyena(input_ids=ROWS).last_hidden_state
        expected = states @ again.get_input_embeddings().weight.T
        torch.testing.assert_close(again(input_ids=ROWS).logits, expected)
    same(model, again)


def test_a_hyenadna_that_reads_ahead_gives_no_likelihood_of_variants(tmp_path):
    HyenaDnaForCausalLM(HyenaDnaConfig(**HYENA, short_filter_order=4)).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="has read that base already, and is no likelihood"):
        open_model(tmp_path)


@pytest.mark.parametrize("strategy", ["add", "ew_multiply"])
def test_both_directions_of_a_caduceus_are_one_direction_each_added_or_multiplied(strategy):
    settings = {"bidirectional_weight_tie": False, "bidirectional_strategy": strategy}
    both = shaken(BidirectionalMamba(CaduceusConfig(**LETTERS, **settings)))
    single = CaduceusConfig(**LETTERS, bidirectional=False)
    ahead, back = (BidirectionalMamba(single) for _ in range(2))
    ahead.mamba_fwd.load_state_dict(both.mamba_fwd.state_dict())
    back.mamba_fwd.load_state_dict(both.mamba_rev.state_dict())
    x = torch.randn(2, 11, 16)
    with torch.no_grad():
        one, other = ahead(x), back(x.flip(1)).flip(1)
        expected = one + other if strategy == "add" else one * other
        torch.testing.assert_close(both(x), expected)


CADUCEUS = {
    "one direction": {"bidirectional": False},
    "multiplied": {"bidirectional_strategy": "ew_multiply"},
    "mean and variance": {"rms_norm": False},
    "not fused": {"fused_add_norm": False},
    "not fused, mean and variance": {"fused_add_norm": False, "rms_norm": False},
    "width": {"ssm_cfg": {"expand": 1.5, "d_state": 8, "d_conv": 3, "dt_rank": 3}},
    "biases": {"ssm_cfg": {"bias": True, "conv_bias": False, "use_fast_path": False}},
    "no embeddings to fill up": {"pad_vocab_size_multiple": 1, "vocab_size": 12},
}


@pytest.mark.parametrize("rcps", [False, True], ids=["one strand", "both strands"])
@pytest.mark.parametrize("name", CADUCEUS)
def test_every_setting_of_a_caduceus_holds_through_files(name, rcps, tmp_path):
    config = CaduceusConfig(**LETTERS, **CADUCEUS[name], complement_map=COMPLEMENTS, rcps=rcps)
    model = shaken(CaduceusForMaskedLM(config))
    again = reloaded(model, tmp_path)
    same(model, again)
    stored = load_file(tmp_path / "model.safetensors")
    # The head is the table of embeddings, and stored once.
    assert not [weight for weight in stored if weight.startswith("lm_head")]
    named = "norm_f.submodule." in " ".join(stored)
    assert named == (rcps and not config.fused_add_norm)
    if rcps:
        there = torch.tensor(config.complements())[ROWS].flip(1)
        with torch.no_grad():
            ahead, back = (again(input_ids=one).logits for one in (ROWS, there))
        swapped = back.flip(1)[..., config.complements()]
        torch.testing.assert_close(ahead, swapped, atol=1e-4, rtol=1e-4)


def test_a_caduceus_normalises_by_mean_and_variance_where_its_settings_say_so():
    config = CaduceusConfig(**LETTERS, rms_norm=False, norm_epsilon=0.1)
    model = shaken(CaduceusForMaskedLM(config))
    norm, x = model.caduceus.backbone.layers[0].norm, torch.randn(3, 16)
    scaled = (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, correction=0) + 0.1).sqrt()
    torch.testing.assert_close(norm(x), scaled * norm.weight + norm.bias)


def test_a_head_of_a_caduceus_may_have_weights_of_its_own(tmp_path):
    model = shaken(CaduceusForMaskedLM(CaduceusConfig(**LETTERS, tie_word_embeddings=False)))
    again = reloaded(model, tmp_path)
    head = load_file(tmp_path / "model.safetensors")["lm_head.weight"]
    with torch.no_grad():
        states = again.caduceus(input_ids=ROWS).last_hidden_state
        torch.testing.assert_close(again(input_ids=ROWS).logits, states @ head.T)
    same(model, again)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"ssm_cfg": {"layer": "Mamba2"}},
            "ssm_cfg has layer, which is not a setting of Caduceus",
        ),
        ({"rcps": True}, "complement_map is missing, but rcps requires it"),
        ({"bidirectional_strategy": "concat"}, "sets bidirectional_strategy to concat, which"),
    ],
)
def test_what_no_caduceus_has_is_refused(settings, said, tmp_path):
    CaduceusForMaskedLM(CaduceusConfig(**LETTERS)).save_pretrained(tmp_path)
    change(tmp_path, **settings)
    with pytest.raises(InputError, match=said):
        load_masked_lm(tmp_path)


@pytest.mark.parametrize("activation", ["relu", "gelu_new"])
def test_the_activation_of_the_settings_is_that_of_the_heads_of_dnabert2(activation, tmp_path):
    model = shaken(DnaBert2ForMaskedLM(DnaBert2Config(**SIZE, hidden_act=activation)))
    again = reloaded(model, tmp_path)
    head, act = again.cls.predictions, {"relu": F.relu, "gelu_new": _tanh_gelu}[activation]
    with torch.no_grad():
        x = act(head.transform.dense(again.bert(input_ids=ROWS).last_hidden_state))
        norm = head.transform.LayerNorm
        x = F.layer_norm(x, (32,), norm.weight, norm.bias, HEAD_EPS)
        torch.testing.assert_close(again(input_ids=ROWS).logits, head.decoder(x))
    same(model, again)


def _tanh_gelu(x):
    return F.gelu(x, approximate="tanh")


def test_dnabert2_does_not_read_positions_or_a_pooler_that_files_have_too(tmp_path):
    model = shaken(DnaBert2ForMaskedLM(DnaBert2Config(**SIZE)))
    classifier = shaken(DnaBert2ForSequenceClassification(DnaBert2Config(**SIZE)))
    extra = {"bert.embeddings.position_embeddings.weight": torch.randn(64, 32)}
    pooler = {
        "bert.pooler.dense.weight": torch.randn(32, 32),
        "bert.pooler.dense.bias": torch.ones(32),
    }
    for one, more, load in (
        (model, extra | pooler, load_masked_lm),
        (classifier, extra, load_classifier),
    ):
        folder = tmp_path / type(one).__name__
        one.save_pretrained(folder)
        path = folder / "model.safetensors"
        save_file(load_file(path) | more, path, {"format": "pt"})
        same(one, load(folder))


def test_gena_has_the_activation_of_its_settings(tmp_path):
    model = shaken(GenaForMaskedLM(GenaConfig(**SIZE, hidden_act="relu")))
    layer = model.bert.encoder.layer[0]
    assert (layer.intermediate(torch.randn(5, 32)) >= 0).all()
    same(model, reloaded(model, tmp_path))


@pytest.mark.parametrize(
    "settings",
    [
        {"token_dropout": True, "mask_token_id": 2},
        {"emb_layer_norm_before": True},
        {"position_embedding_type": "absolute", "max_position_embeddings": 40},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_settings_of_the_nucleotide_transformer_hold_through_files(settings, tmp_path):
    config = NucleotideTransformerConfig(**SIZE | PUBLISHED | settings)
    model = shaken(NucleotideTransformerForMaskedLM(config))
    again = reloaded(model, tmp_path)
    masked = ROWS.clone()
    masked[:, 4] = 2
    masked[:, -1] = 9
    same(model, again, masked)
    with torch.no_grad():
        words = again.esm.embeddings.word_embeddings.weight
        found = again.esm.embeddings(masked, torch.ones_like(masked))
        expected = words[masked]
        if "token_dropout" in settings:
            # As trained with 12 of 100 tokens left out, where one of twelve is.
            expected[:, 4] = 0
            expected = expected * 0.88 / (1 - 1 / 12)
        elif "emb_layer_norm_before" in settings:
            expected = again.esm.embeddings.layer_norm(expected)
        else:
            # Positions of real tokens are counted from the padding token's id on.
            expected = expected + again.esm.embeddings.position_embeddings.weight[2:14]
        torch.testing.assert_close(found, expected)


def change(folder: Path, **settings: object) -> None:
    """Change settings in `config.json`."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
