"""Exported directories open with transformers alone; anything else is refused in plain words."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from dnasweep.errors import InputError
from dnasweep.models.architecture import build_classifier, build_masked_lm
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import export, load_classifier, load_masked_lm
from toys import TINY, toy_language
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)


@pytest.fixture(scope="module")
def toy():
    return toy_language(20, ragged=8)


@pytest.fixture(scope="module")
def classifier(toy):
    return build_classifier(TINY, tokenizer=toy.tokenizer, num_tokens=30, dropout=0.1, seed=0)


@pytest.fixture(scope="module")
def directory(toy, classifier, tmp_path_factory):
    return export(classifier, toy.tokenizer, tmp_path_factory.mktemp("classifier"))


def test_plain_transformers_gives_our_probabilities(toy, classifier, directory):
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForSequenceClassification.from_pretrained(directory)
    batch = tokenizer(toy.sequences, padding=True, return_tensors="pt")
    with torch.no_grad():
        theirs = model.eval()(**batch).logits.softmax(-1).numpy()
    ours = predict_probabilities(directory, None, toy.sequences, batch_size=7, device="cpu")
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_masked_lm_opens_with_transformers_and_keeps_its_weights(toy, tmp_path):
    model = build_masked_lm(TINY, tokenizer=toy.tokenizer, num_tokens=30, dropout=0.0, seed=0)
    export(model, toy.tokenizer, tmp_path)
    for loaded in (AutoModelForMaskedLM.from_pretrained(tmp_path), load_masked_lm(tmp_path)):
        weights = loaded.state_dict()
        assert all(torch.equal(v, weights[k]) for k, v in model.state_dict().items())
        assert loaded.lm_head.decoder.weight is loaded.roberta.embeddings.word_embeddings.weight


def test_loading_gives_fp32_in_evaluation_mode_whatever_was_saved(toy, tmp_path):
    model = build_classifier(TINY, tokenizer=toy.tokenizer, num_tokens=30, dropout=0.1, seed=0)
    export(model.to(torch.bfloat16), toy.tokenizer, tmp_path)
    loaded = load_classifier(tmp_path)
    assert loaded.dtype == torch.float32
    assert not loaded.training


def test_directories_that_are_no_checkpoint_are_named(toy, directory, tmp_path):
    with pytest.raises(InputError, match="no such model directory"):
        load_classifier(tmp_path / "missing")
    with pytest.raises(InputError, match=r"has no config\.json"):
        load_classifier(tmp_path)
    (tmp_path / "config.json").write_text((directory / "config.json").read_text())
    with pytest.raises(InputError, match="no weights"):
        load_classifier(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(InputError, match="weights are pickled"):
        load_classifier(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(InputError, match="cannot be read"):
        load_classifier(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"config\.json cannot be read"):
        load_classifier(tmp_path)


def test_a_model_of_another_kind_is_refused(directory):
    with pytest.raises(InputError, match="has RobertaForSequenceClassification, not a masked"):
        load_masked_lm(directory)


def test_what_is_exported_is_the_whole_and_only_safe_formats(directory):
    names = {p.name for p in directory.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= names
    assert all(name.endswith((".json", ".safetensors")) for name in names)
    assert json.loads((directory / "config.json").read_text())["architectures"] == [
        "RobertaForSequenceClassification"
    ]


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_row_whose_logits_are_no_numbers_is_refused_by_its_place(toy, value, monkeypatch):
    model = build_classifier(TINY, tokenizer=toy.tokenizer, num_tokens=30, dropout=0.0, seed=0)
    rows = toy.tokenizer.encode(toy.sequences)
    spoilt = rows.ids[rows.offsets[4] + 3]
    first = next(
        i
        for i in range(len(toy.sequences))
        if spoilt in rows.ids[rows.offsets[i] : rows.offsets[i + 1]]
    )
    with torch.no_grad():
        model.roberta.embeddings.word_embeddings.weight[int(spoilt)] = value
    with pytest.raises(InputError, match=rf"row {first + 1}: .*not finite"):
        predict_probabilities(model, toy.tokenizer, toy.sequences, batch_size=3, device="cpu")
