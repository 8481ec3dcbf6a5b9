"""Settings that transformers' own class does not compute are refused, others have no say."""

from __future__ import annotations

import json
import time

import pytest
import torch
from backbone_toys import SIZE, dnabert, dnabert_kmers, save
from dnasweep.errors import InputError
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.pretrained.checkpoint import export, load_classifier
from dnasweep.models.pretrained.encoder import build_on_checkpoint, describe
from dnasweep.tokens.loading import load_tokenizer
from transformers import (
    DebertaV2Config,
    DebertaV2ForMaskedLM,
    EsmConfig,
    EsmForMaskedLM,
    LongformerConfig,
    LongformerForMaskedLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    MraConfig,
    MraForMaskedLM,
)

IDS = torch.tensor([[2, 9, 30, 41, 3]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return dnabert(tmp_path_factory.mktemp("models") / "dnabert")


@pytest.fixture(scope="module")
def classifier(folder, tmp_path_factory):
    model, tokenizer = build(folder), load_tokenizer(folder)
    return export(model, tokenizer, tmp_path_factory.mktemp("models") / "classifier")


def build(folder):
    return build_on_checkpoint(
        folder,
        describe(folder),
        tokenizer=load_tokenizer(folder),
        num_tokens=3,
        dropout=0.0,
        seed=0,
    )


def changed(source, target, **settings):
    """Copy a model directory, with some settings changed."""
    target.mkdir()
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    config = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps(config | settings))
    return target


@pytest.mark.parametrize(
    "setting",
    [
        {"pre_layer_norm": True},
        {"norm_first": True},
        {"position_embedding_type": "relative_key"},
        {"position_embedding_type": None},
        {"add_bias_fnn": False},
        {"alibi_starting_size": 512},
        {"is_decoder": True},
        {"quantization_config": {"quant_method": "gptq"}},
        {"pruned_heads": {"0": [1]}},
        {"global_attn_every_n_layers": 3},
        {"pooler_type": "mean"},
        {"net_structure_type": 1},
        {"layers_to_keep": [0]},
        {"scale_of_the_authors": 2.0},
        {"use_something_of_the_authors": False},
        {"auto_map": {"AutoModel": "modeling_bert.BertForMaskedLM"}},
        {"auto_map": {"AutoConfig": "configuration_bert.BertConfig"}},
        {"hidden_act": "of_the_authors"},
        {"layer_norm_eps": -1.0},
        {"layer_norm_eps": "1e-12"},
        {"num_attention_heads": 5},
        {"num_hidden_layers": 1},
        {"num_hidden_layers": 3},
        {"num_hidden_layers": None},
        {"hidden_size": "32"},
        {"hidden_size": 64},
        {"intermediate_size": 32},
        {"vocab_size": 68},
        {"vocab_size": [69]},
        {"max_position_embeddings": 128},
        {"pad_token_id": 4_000},
        {"model_type": None},
        {"model_type": ["bert"]},
        {"model_type": "roberta"},
        {"architectures": "BertForMaskedLM"},
        {"id2label": [1]},
        {"decision_threshold": "x"},
        {"dnasweep_windows": {"pool": "hidden"}},
        {"average_reverse_complement": 3},
    ],
    ids=str,
)
def test_a_setting_that_asks_for_another_computation_is_refused(
    folder, classifier, setting, tmp_path
):
    with pytest.raises(InputError, match=r"config\.json|the kind|heads|token embeddings"):
        build(changed(folder, tmp_path / "encoder", **setting))
    with pytest.raises(InputError):
        load_classifier(changed(classifier, tmp_path / "classifier", **setting))


@pytest.mark.parametrize(
    "setting",
    [
        {"pre_layer_norm": False},
        {"position_embedding_type": "absolute"},
        {"rnn": "lstm", "num_rnn_layer": 1, "rnn_hidden": 768, "split": 10, "output_past": True},
        {"use_cache": False, "gradient_checkpointing": False, "torch_dtype": "float16"},
        {"task_specific_params": None, "something_of_the_authors": None, "pruned_heads": {}},
        {"attn_implementation": "somebody/kernels", "_attn_implementation": "flash_attention_3"},
        {"_name_or_path": "somewhere", "_commit_hash": "ab", "num_beams": 1, "top_k": 50},
        {"auto_map": {"AutoTokenizer": ["tokenization.Tokenizer", None]}},
        {"transformers.js_config": {"dtype": "fp32"}, "unsloth_version": "2025.1"},
        {"max_seq_length": 512, "mlm_probability": 0.15, "add_bias_fnn": True},
        {"pooler_type": "first_token_transform", "gap_size": 0, "down_scale_factor": 1},
    ],
    ids=str,
)
def test_what_has_no_effect_has_none(folder, setting, tmp_path):
    expected = class_logits(build(folder).eval(), IDS, None)
    found = build(changed(folder, tmp_path / "other", **setting)).eval()
    assert torch.equal(class_logits(found, IDS, None), expected)
    assert found.config._attn_implementation == "sdpa"
    assert not hasattr(found.config, "attn_implementation")


@pytest.mark.parametrize(
    "names",
    [{"0": "other", "2": "promoter"}, {"0": "same", "1": "same"}, {"0": "other", "1": ["x"]}],
    ids=str,
)
def test_names_of_classes_are_numbered_as_the_outputs(classifier, names, tmp_path):
    folder = changed(classifier, tmp_path / "odd", id2label=names, label2id=None)
    with pytest.raises(InputError, match="does not name each output once") as error:
        load_classifier(folder)
    assert "config.json" in str(error.value)
    named = {"0": "other", "1": "promoter"}
    followed = changed(classifier, tmp_path / "followed", id2label=named)
    assert load_classifier(followed).config.id2label == {0: "other", 1: "promoter"}


DEBERTA = {
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "max_relative_positions": -1,
    "position_buckets": 16,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "conv_kernel_size": 3,
    "conv_act": "gelu",
    "attention_head_size": 16,
}
MODERN = {"local_attention": 16, "cls_token_id": 2, "sep_token_id": 3, "norm_eps": 1e-5}
MODERN_AS_PUBLISHED = {
    "global_attn_every_n_layers": 3,
    "global_rope_theta": 160000.0,
    "local_rope_theta": 10000.0,
    "layer_norm_eps": 1e-5,
    "position_embedding_type": "absolute",
    "reference_compile": False,
    "sparse_pred_ignore_index": -100,
}


@pytest.mark.parametrize(
    ("config", "kind", "own", "written"),
    [
        (DebertaV2Config, DebertaV2ForMaskedLM, DEBERTA, DEBERTA),
        (ModernBertConfig, ModernBertForMaskedLM, MODERN, MODERN_AS_PUBLISHED),
        (
            LongformerConfig,
            LongformerForMaskedLM,
            {"attention_window": [8, 8], "sep_token_id": 3},
            {"attention_mode": "longformer", "ignore_attention_mask": False},
        ),
        (MraConfig, MraForMaskedLM, {}, {}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_models_are_read_with_the_settings_that_their_authors_publish(
    config, kind, own, written, tmp_path
):
    torch.manual_seed(0)
    tokens = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0, "vocab_size": 69}
    made = config(max_position_embeddings=64, **SIZE, **tokens, **own)
    folder = save(kind(made).eval(), tmp_path / "model", dnabert_kmers())
    found = build(changed(folder, tmp_path / "published", **written)).eval()
    theirs = kind.from_pretrained(folder).eval().base_model
    with torch.no_grad():
        expected = theirs(IDS).last_hidden_state
        assert torch.allclose(found.base_model(IDS).last_hidden_state, expected, atol=1e-5)


def test_a_setting_under_the_name_of_an_earlier_version_is_followed(tmp_path):
    config = ModernBertConfig(
        max_position_embeddings=64, vocab_size=69, pad_token_id=0, **SIZE, **MODERN
    )
    folder = save(ModernBertForMaskedLM(config), tmp_path / "model", dnabert_kmers())
    plain = json.loads((folder / "config.json").read_text())
    del plain["rope_parameters"]
    (folder / "config.json").write_text(json.dumps(plain))
    turned = build(changed(folder, tmp_path / "turned", global_rope_theta=50.0)).config
    assert turned.rope_parameters["full_attention"]["rope_theta"] == 50.0
    with pytest.raises(InputError, match="layer_norm_eps"):
        build(changed(folder, tmp_path / "eps", layer_norm_eps=1e-3))
    with pytest.raises(InputError, match="rope_theta"):
        build(changed(folder, tmp_path / "theta", pooling_rope_theta=1e-3))


def test_positions_of_an_esm_are_counted_from_the_start_or_turned(tmp_path):
    config = EsmConfig(
        vocab_size=69,
        max_position_embeddings=64,
        pad_token_id=0,
        mask_token_id=4,
        position_embedding_type="rotary",
        **SIZE,
    )
    folder = save(EsmForMaskedLM(config), tmp_path / "rotary", dnabert_kmers())
    assert build(folder).config.position_embedding_type == "rotary"
    with pytest.raises(InputError, match="position_embedding_type to relative_key"):
        build(changed(folder, tmp_path / "relative", position_embedding_type="relative_key"))


@pytest.mark.parametrize(
    "setting",
    [
        {"num_hidden_layers": 100_000},
        {"num_hidden_layers": 900},
        {"vocab_size": 10**10},
        {"vocab_size": 10**6},
        {"max_position_embeddings": 10**9},
        {"intermediate_size": 10**8},
        {"type_vocab_size": 10**6},
    ],
    ids=str,
)
def test_a_model_far_larger_than_its_files_is_refused_at_once(folder, setting, tmp_path):
    other = changed(folder, tmp_path / "large", **setting)
    start = time.perf_counter()
    with pytest.raises(InputError, match=r"config\.json|num_hidden_layers|token embeddings"):
        build(other)
    assert time.perf_counter() - start < 5
