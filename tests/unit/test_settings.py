"""Settings that transformers' own class does not compute are refused, others have no say."""

from __future__ import annotations

import json
import time

import pytest
import torch
from backbone_toys import SIZE, dnabert, dnabert_words, save
from dnasweep.errors import InputError
from dnasweep.language.tokenizers import DnaTokenizer
from dnasweep.model.backbone import build_on_checkpoint, describe
from dnasweep.model.checkpoint import export, load_classifier
from dnasweep.model.forward import class_logits
from transformers import EsmConfig, EsmForMaskedLM

IDS = torch.tensor([[2, 9, 30, 41, 3]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return dnabert(tmp_path_factory.mktemp("models") / "dnabert")


@pytest.fixture(scope="module")
def classifier(folder, tmp_path_factory):
    model, tokenizer = build(folder), DnaTokenizer.load(folder)
    return export(model, tokenizer, tmp_path_factory.mktemp("models") / "classifier")


def build(folder):
    return build_on_checkpoint(
        folder,
        describe(folder),
        tokenizer=DnaTokenizer.load(folder),
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
        {"add_bias_fnn": False},
        {"alibi_starting_size": 512},
        {"is_decoder": True},
        {"quantization_config": {"quant_method": "gptq"}},
        {"pruned_heads": {"0": [1]}},
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
    ],
    ids=str,
)
def test_what_has_no_effect_has_none(folder, setting, tmp_path):
    expected = class_logits(build(folder).eval(), IDS, None)
    found = build(changed(folder, tmp_path / "other", **setting)).eval()
    assert torch.equal(class_logits(found, IDS, None), expected)
    assert found.config._attn_implementation == "sdpa"
    assert not hasattr(found.config, "attn_implementation")


def test_positions_of_an_esm_are_counted_from_the_start_or_turned(tmp_path):
    config = EsmConfig(
        vocab_size=69,
        max_position_embeddings=64,
        pad_token_id=0,
        mask_token_id=4,
        position_embedding_type="rotary",
        **SIZE,
    )
    folder = save(EsmForMaskedLM(config), tmp_path / "rotary", dnabert_words())
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
