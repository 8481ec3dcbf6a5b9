"""Weights are those of the class both ways, finite, and in files that are what they are called."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from backbone_toys import SIZE, dnabert, dnabert_kmers, save
from dnasweep.errors import InputError
from dnasweep.models.pretrained.checkpoint import (
    export,
    load_classifier,
    load_masked_lm,
    read_weights,
)
from dnasweep.models.pretrained.encoder import build_on_checkpoint, describe
from dnasweep.tokens.loading import load_tokenizer
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForPreTraining,
    BertForTokenClassification,
    RoFormerConfig,
    RoFormerForMaskedLM,
)

WEIGHTS = "model.safetensors"
QUERY = "bert.encoder.layer.0.attention.self.query.weight"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return dnabert(tmp_path_factory.mktemp("models") / "dnabert")


@pytest.fixture
def folder(source, tmp_path):
    return shutil.copytree(source, tmp_path / "dnabert")


def build(folder):
    tokenizer = load_tokenizer(folder)
    return build_on_checkpoint(
        folder, describe(folder), tokenizer=tokenizer, num_tokens=3, dropout=0.0, seed=0
    )


def rewrite(folder, change):
    weights = load_file(folder / WEIGHTS)
    change(weights)
    save_file(weights, folder / WEIGHTS, {"format": "pt"})


def test_a_weight_that_the_class_does_not_know_is_refused_by_name(folder):
    rewrite(folder, lambda w: w.update({"bert.encoder.last_layer_ln.weight": torch.ones(32)}))
    with pytest.raises(InputError, match=r"bert\.encoder\.last_layer_ln\.weight is unknown"):
        build(folder)
    with pytest.raises(InputError, match=r"bert\.encoder\.last_layer_ln\.weight is unknown"):
        load_masked_lm(folder)


def test_a_head_that_no_class_has_is_refused_and_those_of_transformers_are_left(folder, tmp_path):
    rewrite(folder, lambda w: w.update({"adapter.weight": torch.ones(32)}))
    with pytest.raises(InputError, match=r"adapter\.weight is unknown"):
        build(folder)
    config = BertConfig(vocab_size=69, max_position_embeddings=64, **SIZE)
    for name, kind in (("pairs", BertForPreTraining), ("tokens", BertForTokenClassification)):
        original = kind(config)
        built = build(save(original, tmp_path / name, dnabert_kmers()))
        expected = original.state_dict()
        found = built.bert.state_dict()
        assert all(torch.equal(found[n], expected[f"bert.{n}"]) for n in found if "pool" not in n)


def test_missing_and_misshapen_weights_are_named(folder):
    rewrite(folder, lambda w: w.pop(QUERY))
    with pytest.raises(InputError, match=r"query\.weight is missing"):
        build(folder)
    rewrite(folder, lambda w: w.update({QUERY: torch.zeros(32, 31)}))
    with pytest.raises(InputError, match=r"query\.weight has the shape \[32, 31\].*\[32, 32\]"):
        build(folder)


def test_the_bias_of_a_head_with_a_decoder_of_its_own_is_stored_once(tmp_path):
    torch.manual_seed(0)
    kmers = dnabert_kmers(3)
    config = BertConfig(vocab_size=len(kmers), **SIZE, tie_word_embeddings=False)
    model = BertForMaskedLM(config).eval()
    torch.nn.init.normal_(model.cls.predictions.bias)
    folder = save(model, tmp_path, kmers)
    # As earlier versions of transformers store it.
    rewrite(folder, lambda w: w.pop("cls.predictions.decoder.bias"))
    found = load_masked_lm(folder).cls.predictions
    assert torch.equal(found.decoder.bias, model.cls.predictions.bias)
    assert torch.equal(found.decoder.weight, model.cls.predictions.decoder.weight)
    rewrite(folder, lambda w: w.pop("cls.predictions.bias"))
    with pytest.raises(InputError, match=r"cls\.predictions\.decoder\.bias"):
        load_masked_lm(folder)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_weight_that_is_no_number_is_refused_by_name(folder, value, tmp_path):
    exported = export(build(folder), load_tokenizer(folder), tmp_path / "classifier")

    def spoil(weights):
        weights[QUERY][3, 5] = value

    for directory, load in (
        (folder, build),
        (folder, load_masked_lm),
        (exported, load_classifier),
    ):
        rewrite(directory, spoil)
        with pytest.raises(InputError, match=rf"weight {QUERY} of .* 1 values .*not finite"):
            load(directory)


def test_weights_in_pieces_are_read_and_an_index_has_to_fit(folder, source):
    weights = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    names = sorted(weights)
    parts = {"a.safetensors": names[:9], "b.safetensors": names[9:]}
    for file, held in parts.items():
        save_file({n: weights[n] for n in held}, folder / file, {"format": "pt"})
    place = {n: file for file, held in parts.items() for n in held}
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": place}))
    assert all(torch.equal(value, weights[n]) for n, value in read_weights(folder).items())
    build(folder)
    for wrong in (
        place | {names[0]: "b.safetensors"},
        place | {"another": "a.safetensors"},
        {n: f for n, f in place.items() if n != names[0]},
        place | {names[0]: "../a.safetensors"},
        place | {names[0]: 3},
        place | {names[0]: "c.safetensors"},
        {},
        [1],
    ):
        index.write_text(json.dumps({"weight_map": wrong}))
        with pytest.raises(InputError):
            build(folder)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (POINTER, "model.safetensors is a Git LFS pointer; fetch it with git lfs pull"),
        (b"", "model.safetensors is empty"),
        (b"\xff" * 40, "model.safetensors cannot be read"),
        (b"PK\x03\x04" + bytes(60), "model.safetensors cannot be read"),
        (bytes([2, 0, 0, 0, 0, 0, 0, 0]) + b"{}", "weights"),
        (bytes([9, 0, 0, 0, 0, 0, 0, 0]) + b"{}", "model.safetensors cannot be read"),
    ],
)
def test_a_file_that_is_no_safetensors_is_named(folder, content, said):
    (folder / WEIGHTS).write_bytes(content)
    with pytest.raises(InputError) as caught:
        build(folder)
    assert said in str(caught.value)


def test_whole_numbers_are_no_weights_unless_they_count_positions(folder):
    rewrite(folder, lambda w: w.update({"bert.embeddings.position_ids": torch.arange(64)[None]}))
    build(folder)
    rewrite(folder, lambda w: w.update({QUERY: torch.ones(32, 32, dtype=torch.int8)}))
    with pytest.raises(InputError, match=r"query\.weight of .* is stored as I8"):
        build(folder)


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("position_ids", torch.arange(64)[None], torch.arange(64).roll(1)[None]),
        ("token_type_ids", torch.zeros(1, 64).long(), torch.ones(1, 64).long()),
    ],
)
def test_stored_counters_are_what_every_row_has(folder, name, right, wrong):
    rewrite(folder, lambda w: w.update({f"bert.embeddings.{name}": right}))
    build(folder)
    rewrite(folder, lambda w: w.update({f"bert.embeddings.{name}": wrong}))
    with pytest.raises(
        InputError, match=rf"embeddings\.{name} of model\.safetensors (does|is) not"
    ):
        build(folder)


def test_positions_count_from_where_those_of_the_model_begin(folder):
    rewrite(
        folder, lambda w: w.update({"bert.embeddings.position_ids": torch.arange(2, 66)[None]})
    )
    with pytest.raises(InputError, match="does not count positions from 0"):
        build(folder)


def test_a_weight_is_not_stored_with_and_without_the_prefix_of_the_encoder(folder):
    rewrite(folder, lambda w: w.update({QUERY.removeprefix("bert."): w[QUERY] + 1}))
    for load in (build, load_masked_lm):
        with pytest.raises(InputError, match=rf"{QUERY} .*are one weight of the model, and both"):
            load(folder)


def test_an_adapter_beside_the_weights_is_not_followed(folder):
    expected = build(folder).state_dict()
    (folder / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "base_model_name_or_path": "somebody/elsewhere"})
    )
    found = build(folder).state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


@pytest.mark.parametrize("wrapper", ["model._orig_mod.", "module.model.", "backbone.", "net."])
@pytest.mark.parametrize(
    ("kind", "config"), [(BertForMaskedLM, BertConfig), (RoFormerForMaskedLM, RoFormerConfig)]
)
def test_names_that_wrappers_of_any_kind_of_model_add_are_taken_off(
    kind, config, wrapper, tmp_path
):
    torch.manual_seed(0)
    model = kind(config(vocab_size=69, **SIZE)).eval()
    folder = save(model, tmp_path / "model", dnabert_kmers())
    weights = load_file(folder / WEIGHTS)
    save_file({wrapper + name: v for name, v in weights.items()}, folder / WEIGHTS)
    ids = torch.arange(2, 20)[None]
    with torch.no_grad():
        assert torch.equal(load_masked_lm(folder)(ids).logits, model(ids).logits)


def test_an_adapter_that_was_not_merged_is_to_be_merged(folder):
    def split(weights):
        weights[QUERY.replace(".weight", ".base_layer.weight")] = weights.pop(QUERY)
        weights[QUERY.replace(".weight", ".lora_A.default.weight")] = torch.ones(2, 32)

    rewrite(folder, split)
    with pytest.raises(InputError, match=r"query\.base_layer\.weight") as error:
        load_masked_lm(folder)
    assert "merge_and_unload" in str(error.value.remedy)


@pytest.mark.parametrize(
    ("files", "said", "remedy"),
    [
        (("tf_model.h5",), "the weights are in tf_model.h5", "save_pretrained"),
        (("onnx/model.onnx",), "the weights are in onnx/model.onnx", "save_pretrained"),
        (("model-q4.gguf", "README.md"), "the weights are in model-q4.gguf", "save_pretrained"),
        (("model.fp16.safetensors",), "in model.fp16.safetensors", "rename it to model.safetens"),
        (
            ("optimizer.pt", "training_args.bin", "rng_state_0.pth"),
            "no weights",
            "save_pretrained",
        ),
        (("optimizer.pt", "last.ckpt"), "the weights are pickled", "safetensors"),
    ],
    ids=str,
)
def test_weights_in_files_that_are_not_read_are_named(folder, files, said, remedy):
    (folder / WEIGHTS).unlink()
    for name in files:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x" * 100)
    with pytest.raises(InputError, match=said) as error:
        load_masked_lm(folder)
    assert remedy in str(error.value.remedy)
