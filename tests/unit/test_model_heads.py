"""Checkpoints of the hub as a fresh user has them: the head they have is found, and each is embedded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import dnasweep
import numpy as np
import pytest
import torch
import transformers
from backbone_toys import SIZE, dnabert_kmers, save
from dnasweep.errors import InputError
from dnasweep.models.pretrained.any_head import load_any
from dnasweep.models.pretrained.checkpoint import load_classifier, load_masked_lm
from dnasweep.models.pretrained.heads import UNKNOWN, kind_of
from golden_models import TOLERANCE, as_safetensors, cases, inputs
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    PreTrainedModel,
)

FAMILIES = ("dnabert2", "gena", "nt_v1", "nt_v2", "hyenadna", "caduceus")
KMERS = dnabert_kmers(3)


def bert(kind: type, folder: Path, **changed: object) -> Path:
    """Write a tiny BERT over 3-mers with some settings of config.json changed; None takes one out."""
    config = BertConfig(vocab_size=len(KMERS), max_position_embeddings=64, **SIZE)
    save(kind(config), folder, KMERS)
    return rewrite(folder, **changed)


def rewrite(folder: Path, **changed: object) -> Path:
    """Change settings of a config.json in place; None takes one out."""
    path = folder / "config.json"
    settings = json.loads(path.read_text()) | changed
    path.write_text(json.dumps({k: v for k, v in settings.items() if v is not None}))
    return folder


@pytest.mark.parametrize("case", cases(*FAMILIES))
def test_a_checkpoint_of_the_hub_embeds_as_its_authors_code_does(case: Path) -> None:
    model = dnasweep.load_model(case / "checkpoint")
    assert not model.is_classifier
    asked = inputs(case)
    expected = load_file(case / "expected.safetensors")
    # Pieces at the ends of rows are no tokens of DNA.
    first, last = model.tokenizer.roles.get("cls"), model.tokenizer.roles.get("sep")
    for row, sequence in enumerate(asked["sequences"]):
        states = expected[f"alone.{row}.hidden.last"][0]
        inner = states[first is not None : len(states) - (last is not None)]
        found = model.embed([sequence], progress=False)[0]
        assert np.abs(found - inner.mean(0).numpy()).max() < TOLERANCE
        ended = model.embed([sequence], pooling="last", progress=False)[0]
        assert np.abs(ended - states[-1].numpy()).max() < TOLERANCE
    with pytest.raises(InputError, match="no classification head"):
        model.predict(asked["sequences"], progress=False)


@pytest.mark.parametrize("case", cases(*FAMILIES))
def test_the_classifier_of_a_case_is_one(case: Path) -> None:
    assert kind_of(case / "classifier").head == "classifier"
    assert dnasweep.load_model(case / "classifier").classes


@pytest.mark.parametrize("case", cases("nt_v2"))
def test_a_config_that_names_every_class_makes_no_classifier(case: Path, tmp_path: Path) -> None:
    folder = as_safetensors(case / "checkpoint", tmp_path / "plain")
    assert kind_of(folder).head == "masked"
    with pytest.raises(InputError, match="has EsmForMaskedLM, not a classifier"):
        load_classifier(folder)


@pytest.mark.parametrize("case", cases(*FAMILIES))
@pytest.mark.parametrize("part", ["checkpoint", "classifier"])
def test_without_architectures_a_family_is_what_its_weights_are(
    case: Path, part: str, tmp_path: Path
) -> None:
    if case.parent.name == "nt_v1":
        pytest.skip("plain ESM")
    folder = tmp_path / "copy"
    shutil.copytree(as_safetensors(case / part, tmp_path / "plain"), folder)
    before = kind_of(folder).head
    rewrite(folder, architectures=None)
    assert kind_of(folder).head == before
    load_any(folder)


def test_a_plain_masked_model_without_architectures_is_read(tmp_path: Path) -> None:
    folder = bert(BertForMaskedLM, tmp_path / "named")
    expected = load_masked_lm(folder).state_dict()
    rewrite(folder, architectures=None)
    found = load_masked_lm(folder).state_dict()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert kind_of(folder).architecture == UNKNOWN


SIZES = SIZE | {"vocab_size": len(KMERS), "max_position_embeddings": 64, "pad_token_id": 0}
PLAIN = {
    "bert": transformers.BertForSequenceClassification,
    "roberta": transformers.RobertaForSequenceClassification,
    "electra": transformers.ElectraForSequenceClassification,
    "esm": transformers.EsmForSequenceClassification,
    "llama": transformers.LlamaForSequenceClassification,
}


def nameless(kind: type, folder: Path, **settings: object) -> PreTrainedModel:
    """Write a tiny model whose config.json names no class, and return it."""
    config = kind.config_class(**SIZES | settings)
    torch.manual_seed(0)
    model = kind(config).eval()
    save(model, folder, KMERS)
    rewrite(folder, architectures=None)
    return model


@pytest.mark.parametrize("name", PLAIN)
def test_a_classifier_whose_config_names_no_class_is_told_by_its_weights(
    name: str, tmp_path: Path
) -> None:
    plain = nameless(PLAIN[name], tmp_path / "model", num_labels=3)
    found = dnasweep.load_model(tmp_path / "model")
    sequences = ["ACGTACGTAAGT", "TTTTTTTTGGG"]
    ids = [torch.from_numpy(found.tokenizer.encode([s]).ids.astype(int))[None] for s in sequences]
    with torch.no_grad():
        expected = torch.cat([plain(row).logits for row in ids]).softmax(-1).numpy()
    ours = found.predict(sequences, progress=False).filter(like="probability").to_numpy()
    np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_of_the_folder_of_a_trainer_the_last_checkpoints_are_named(tmp_path: Path) -> None:
    for step in (500, 1000, 1500, 2000):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"no config\.json") as error:
        kind_of(tmp_path)
    shown = "checkpoint-1000, checkpoint-1500, checkpoint-2000"
    assert error.value.remedy == f"Give one of the models in it: {shown}."


def test_a_causal_classifier_needs_no_padding_token(tmp_path: Path) -> None:
    plain = nameless(PLAIN["llama"], tmp_path / "model", pad_token_id=None)
    found = dnasweep.load_model(tmp_path / "model")
    sequences = ["ACGTACGTAAGT", "TTTTTTTTGGGA", "GATTACAGATTA"]
    ids = torch.from_numpy(found.tokenizer.encode(sequences).ids.astype(int)).view(3, -1)
    with torch.no_grad():
        expected = torch.cat([plain(row[None]).logits for row in ids]).softmax(-1).numpy()
    ours = found.predict(sequences, progress=False).filter(like="probability").to_numpy()
    np.testing.assert_allclose(ours, expected, atol=1e-6)


@pytest.mark.parametrize(
    "kind",
    [
        # One that classifies tokens has the same weights.
        transformers.ModernBertForSequenceClassification,
        transformers.BertForTokenClassification,
        transformers.LlamaForTokenClassification,
        transformers.BertForMultipleChoice,
    ],
)
def test_where_another_head_has_these_weights_a_class_has_to_be_named(
    kind: type, tmp_path: Path
) -> None:
    nameless(kind, tmp_path / "model")
    with pytest.raises(InputError, match=r"unknown kind, not a classifier|has the shape") as error:
        load_classifier(tmp_path / "model")
    assert error.value.remedy


def test_an_encoder_alone_is_embedded_and_needs_all_its_weights(tmp_path: Path) -> None:
    folder = bert(BertModel, tmp_path / "model")
    with_head = bert(BertForMaskedLM, tmp_path / "head")
    sequences = ["ACGTACGTAA", "TTTTTTTT"]
    found = dnasweep.load_model(folder).embed(sequences, progress=False)
    weights = load_file(folder / "model.safetensors")
    named = {f"bert.{name}": value for name, value in weights.items() if "pooler" not in name}
    save_file(
        load_file(with_head / "model.safetensors") | named,
        with_head / "model.safetensors",
        {"format": "pt"},
    )
    same = dnasweep.load_model(with_head).embed(sequences, progress=False)
    np.testing.assert_allclose(found, same, atol=1e-6)
    lost = next(name for name in weights if "attention.self.key.weight" in name)
    save_file(
        {name: value for name, value in weights.items() if name != lost},
        folder / "model.safetensors",
        {"format": "pt"},
    )
    with pytest.raises(InputError, match=r"attention\.self\.key\.weight"):
        dnasweep.load_model(folder).embed(sequences, progress=False)


def test_pickled_weights_are_read_at_the_front_door(tmp_path: Path) -> None:
    folder = bert(BertForSequenceClassification, tmp_path / "model")
    expected = dnasweep.load_model(folder).predict(["ACGTACGTAA"], progress=False)
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    found = dnasweep.load_model(folder)
    assert found.name == str(folder)
    assert found.predict(["ACGTACGTAA"], progress=False).equals(expected)
