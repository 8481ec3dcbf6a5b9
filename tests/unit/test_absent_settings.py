"""Settings that `config.json` lacks or sets to null have the values that the authors' code gives them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from dnasweep.errors import InputError
from dnasweep.models.encoder.capacity import tokens_at_once
from dnasweep.models.families.gena import GenaConfig, GenaForMaskedLM
from dnasweep.models.families.hyenadna import HyenaDnaConfig, HyenaDnaForCausalLM
from dnasweep.models.families.nucleotide_transformer import (
    NucleotideTransformerConfig,
    NucleotideTransformerForMaskedLM,
    NucleotideTransformerModel,
)
from dnasweep.models.pretrained.any_head import load_any
from dnasweep.models.pretrained.checkpoint import load_causal_lm, load_masked_lm
from family_sizes import LETTERS, SIZE

HYENA = {**LETTERS, "filter_order": 8, "max_seq_len": 40}
ROWS = torch.tensor([[7, 8, 9, 10, 10, 7, 9, 9, 8, 7, 10, 1]])
HUB = {
    GenaForMaskedLM: {
        "model_type": "bert",
        "auto_map": {"AutoModel": "modeling_bert.BertForMaskedLM"},
        "architectures": ["BertForMaskedLM"],
    },
    HyenaDnaForCausalLM: {
        "model_type": "hyenadna",
        "architectures": ["HyenaDNAForCausalLM"],
    },
    NucleotideTransformerForMaskedLM: {
        "model_type": "esm",
        "auto_map": {"AutoModel": "modeling_esm.EsmForMaskedLM"},
        "architectures": ["EsmForMaskedLM"],
    },
}


def saved(model, folder: Path, lacking: tuple[str, ...] = (), **settings: object):
    """Write a model with random weights as on the hub, and return its logits."""
    torch.manual_seed(0)
    with torch.no_grad():
        for value in model.parameters():
            value.add_(0.2 * torch.randn_like(value))
        logits = model.eval()(input_ids=ROWS).logits
    model.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text()) | HUB[type(model)] | settings
    config = {name: value for name, value in config.items() if name not in lacking}
    (folder / "config.json").write_text(json.dumps(config))
    return logits


def same(model, expected) -> None:
    with torch.no_grad():
        torch.testing.assert_close(model(input_ids=ROWS).logits, expected, atol=1e-5, rtol=1e-5)


def test_a_last_normalisation_of_gena_that_is_null_is_none(tmp_path):
    config = GenaConfig(**SIZE, last_layer_norm=False)
    expected = saved(GenaForMaskedLM(config), tmp_path / "none", last_layer_norm=None)
    same(load_masked_lm(tmp_path / "none"), expected)
    saved(GenaForMaskedLM(GenaConfig(**SIZE)), tmp_path / "one", last_layer_norm=None)
    with pytest.raises(InputError, match="last_layer_ln"):
        load_masked_lm(tmp_path / "one")
    lacking = ("last_layer_norm",)
    expected = saved(GenaForMaskedLM(GenaConfig(**SIZE)), tmp_path / "absent", lacking)
    same(load_masked_lm(tmp_path / "absent"), expected)
    # Earlier versions of this platform wrote an absent setting as null.
    own = {"model_type": "dnasweep-gena", "last_layer_norm": None}
    expected = saved(GenaForMaskedLM(GenaConfig(**SIZE)), tmp_path / "own", **own)
    same(load_masked_lm(tmp_path / "own"), expected)


def test_first_normalisations_of_gena_that_are_null_are_none(tmp_path):
    config = GenaConfig(**SIZE, pre_layer_norm=False)
    expected = saved(GenaForMaskedLM(config), tmp_path, pre_layer_norm=None)
    same(load_masked_lm(tmp_path), expected)


def test_positions_that_are_null_are_none_or_refused(tmp_path):
    config = NucleotideTransformerConfig(**SIZE, position_embedding_type=None)
    expected = saved(NucleotideTransformerForMaskedLM(config), tmp_path / "esm")
    written = json.loads((tmp_path / "esm" / "config.json").read_text())
    assert written["position_embedding_type"] is None
    again = load_masked_lm(tmp_path / "esm")
    same(again, expected)
    with torch.no_grad():
        words = again.esm.embeddings.word_embeddings(ROWS)
        torch.testing.assert_close(again.esm.embeddings(ROWS, torch.ones_like(ROWS)), words)
    saved(GenaForMaskedLM(GenaConfig(**SIZE)), tmp_path / "bert", position_embedding_type=None)
    with pytest.raises(InputError, match="sets position_embedding_type to null, which GENA-LM"):
        load_masked_lm(tmp_path / "bert")


def test_a_last_normalisation_of_gena_needs_those_before_layers(tmp_path):
    config = GenaConfig(**SIZE, pre_layer_norm=False)
    saved(GenaForMaskedLM(config), tmp_path, last_layer_norm=True)
    with pytest.raises(InputError, match="last_layer_norm is true, but pre_layer_norm is false"):
        load_masked_lm(tmp_path)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("last_layer_norm", "false"),
        ("layer_norm_eps", "1e-12"),
    ],
)
def test_text_in_place_of_a_value_is_refused(setting, value, tmp_path):
    saved(GenaForMaskedLM(GenaConfig(**SIZE)), tmp_path, **{setting: value})
    with pytest.raises(InputError, match=r"config\.json"):
        load_masked_lm(tmp_path)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("train_freq", "false"), ("layer_norm_epsilon", "1e-5"), ("layer_norm_epsilon", -1)],
)
def test_settings_of_hyenadna_that_cannot_be_are_refused(setting, value, tmp_path):
    saved(HyenaDnaForCausalLM(HyenaDnaConfig(**HYENA)), tmp_path, **{setting: value})
    with pytest.raises(InputError, match=rf"config\.json: {setting} is .*which cannot be"):
        load_causal_lm(tmp_path)


def test_absent_settings_of_hyenadna(tmp_path):
    config = HyenaDnaConfig(**HYENA, d_inner=64, emb_dim=3, train_freq=False, activation_freq=1)
    lacking = ("d_inner", "emb_dim", "activation_freq", "tie_word_embeddings")
    expected = saved(HyenaDnaForCausalLM(config), tmp_path, lacking, pad_token_id=None)
    again = load_causal_lm(tmp_path)
    same(again, expected)
    assert again.config.pad_token_id == 4
    assert again.lm_head.weight is again.get_input_embeddings().weight


def test_absent_settings_of_the_nucleotide_transformer(tmp_path):
    config = NucleotideTransformerConfig(
        **SIZE,
        add_bias_fnn=False,
        position_embedding_type="absolute",
        max_position_embeddings=40,
    )
    lacking = ("position_embedding_type",)
    expected = saved(NucleotideTransformerForMaskedLM(config), tmp_path, lacking)
    same(load_masked_lm(tmp_path), expected)


@pytest.mark.parametrize("pad", [1, 3])
def test_learned_positions_of_the_nucleotide_transformer_begin_after_padding(pad):
    config = NucleotideTransformerConfig(
        **SIZE | {"pad_token_id": pad}, max_position_embeddings=40
    )
    held = tokens_at_once(config.to_dict())
    model = NucleotideTransformerModel(config).eval()
    with torch.no_grad():
        assert model(torch.full((1, held), 7)).last_hidden_state.isfinite().all()
        with pytest.raises(IndexError):
            model(torch.full((1, held + 1), 7))


def test_the_base_of_rotary_positions_of_the_nucleotide_transformer_is_fixed(tmp_path):
    config = NucleotideTransformerConfig(
        **SIZE, add_bias_fnn=False, position_embedding_type="rotary"
    )
    saved(NucleotideTransformerForMaskedLM(config), tmp_path, rope_theta=500000.0)
    with pytest.raises(InputError, match=r"sets rope_theta to 500000\.0, which Nucleotide"):
        load_masked_lm(tmp_path)


def test_the_encoder_of_a_nucleotide_transformer_may_be_alone(tmp_path):
    config = NucleotideTransformerConfig(
        **SIZE, add_bias_fnn=False, position_embedding_type="rotary"
    )
    model = NucleotideTransformerModel(config).eval()
    model.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    hub = HUB[NucleotideTransformerForMaskedLM] | {"architectures": ["EsmModel"]}
    path.write_text(json.dumps(json.loads(path.read_text()) | hub))
    with torch.no_grad():
        expected = model(input_ids=ROWS).last_hidden_state
        found = load_any(tmp_path)(input_ids=ROWS).last_hidden_state
    torch.testing.assert_close(found, expected)
