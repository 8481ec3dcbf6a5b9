"""Classifiers of bases: what a base gets of the tokens that cover it, in every kind of encoder."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from backbone_toys import dnabert
from dnasweep.api.model import load_model
from dnasweep.config import ModelConfig, OptimizerConfig, TokenizerConfig, TrainingConfig
from dnasweep.config.model import CONVNET
from dnasweep.data.labels import Labels
from dnasweep.models.architecture import build_classifier
from dnasweep.models.classification import Classification
from dnasweep.models.encoder.bases import as_spans, flat_predictions, place_logits
from dnasweep.models.encoder.forward import class_logits, last_hidden_state
from dnasweep.models.families.classes import classes_of
from dnasweep.models.families.family import Family
from dnasweep.models.families.registry import FAMILIES
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.base_classifier import base_classifier
from dnasweep.models.pretrained.checkpoint import export, load_classifier
from dnasweep.models.pretrained.encoder import build_on_checkpoint, describe
from dnasweep.models.training.distributed import DistributedContext
from dnasweep.models.training.train import train
from dnasweep.tasks.registry import task_of, task_of_model
from dnasweep.tokens.corpus import collate
from dnasweep.tokens.loading import load_tokenizer
from dnasweep.tokens.tokenizers import fit
from golden_models import as_safetensors, cases
from toys import TINY, toy_sequences
from transformers import AutoModelForTokenClassification

NAMES = ("none", "donor", "acceptor")
SEQUENCES = ["ACGTTGCAGGCTAACTATAAAAGGC", "ACGTTGCAGG", "TTGACANGGCTAACTATAAAAGGCAA", "TTTACG"]
COMMON = {"num_tokens": 44, "num_labels": 3, "label_names": NAMES, "dropout": 0.0, "seed": 0}
ENCODERS = {
    "roberta": TINY,
    "alibi": dataclasses.replace(TINY, positions="alibi"),
    "albert": dataclasses.replace(TINY, family="albert", embedding=16),
    "convnet": ModelConfig(layers=2, hidden=32, family=CONVNET),
}


def classifier(name: str, spec: str = "kmer-3"):
    tokenizer = fit(TokenizerConfig.parse(spec), toy_sequences(60))
    model = build_classifier(ENCODERS[name], tokenizer=tokenizer, head="bases", **COMMON)
    return model.eval(), tokenizer


@pytest.mark.parametrize("spec", ["kmer-3-overlap", "kmer-4", "bpe-64", "char"])
def test_a_base_has_the_mean_of_its_places_in_the_tokens_that_cover_it(spec: str) -> None:
    model, tokenizer = classifier("roberta", spec)
    corpus = tokenizer.encode(SEQUENCES)
    batch = collate(corpus, np.arange(len(SEQUENCES)), tokenizer.pad_id)
    ids, spans = torch.from_numpy(batch.ids), as_spans(batch.starts, batch.ends)
    starts, ends = spans.starts, spans.ends
    attention = torch.arange(ids.shape[1]) < torch.tensor(batch.lengths)[:, None]
    with torch.no_grad():
        found = place_logits(model, ids, attention, spans).logits
        each = model.classifier(last_hidden_state(model, ids, attention))
    places = model.config.bases_per_token
    assert each.shape[-1] == 3 * places
    for row, sequence in enumerate(SEQUENCES):
        for base in range(len(sequence)):
            covering = [
                each[row, token].view(places, 3)[min(base - int(starts[row, token]), places - 1)]
                for token in range(int(batch.lengths[row]))
                if starts[row, token] <= base < ends[row, token]
            ]
            assert covering
            torch.testing.assert_close(found[row, base], torch.stack(covering).mean(0))


def test_bases_of_one_token_are_told_apart() -> None:
    model, tokenizer = classifier("roberta", "kmer-4")
    found = predict_probabilities(model, tokenizer, ["ACGTACGTACGT"]).reshape(-1, 3)
    assert len(np.unique(found[:4].round(6), axis=0)) == 4


@pytest.mark.parametrize("name", ENCODERS)
def test_an_exported_model_predicts_the_same_in_any_batch(name: str, tmp_path: Path) -> None:
    model, tokenizer = classifier(name)
    expected = predict_probabilities(model, tokenizer, SEQUENCES)
    assert expected.shape == (4, 3 * 26)
    by_base = expected.reshape(4, 26, 3)
    for row, sequence in enumerate(SEQUENCES):
        np.testing.assert_allclose(by_base[row, : len(sequence)].sum(1), 1, atol=1e-6)
        assert not by_base[row, len(sequence) :].any()
    export(model, tokenizer, tmp_path)
    loaded = load_classifier(tmp_path)
    again = predict_probabilities(loaded, load_tokenizer(tmp_path), SEQUENCES, batch_size=1)
    np.testing.assert_allclose(again, expected, atol=1e-5)
    config = json.loads((tmp_path / "config.json").read_text())
    assert task_of_model(config).name == "token"
    assert task_of_model(config).names == NAMES
    found = load_model(tmp_path)
    assert found.classes == list(NAMES)
    table = found.predict(SEQUENCES, progress=False)
    np.testing.assert_allclose(table["probability_donor"][1], by_base[1, :10, 1], atol=1e-5)
    assert found.embed(SEQUENCES, progress=False).shape == (4, 32)


def test_published_checkpoints_get_the_head_and_give_their_encoder_on(tmp_path: Path) -> None:
    published = dnabert(tmp_path / "published")
    config, tokenizer = describe(published), load_tokenizer(published)
    model = build_on_checkpoint(published, config, tokenizer=tokenizer, head="bases", **COMMON)
    assert not any("pooler" in name for name, _ in model.named_parameters())
    expected = predict_probabilities(model, tokenizer, SEQUENCES)
    export(model, tokenizer, tmp_path / "bases")
    loaded = load_classifier(tmp_path / "bases")
    np.testing.assert_allclose(
        predict_probabilities(loaded, tokenizer, SEQUENCES), expected, atol=1e-6
    )
    for head in ("row", "bases"):
        again = build_on_checkpoint(
            tmp_path / "bases", config, tokenizer=tokenizer, head=head, **COMMON
        )
        states = (again.base_model.state_dict(), model.base_model.state_dict())
        for name, value in states[1].items():
            torch.testing.assert_close(states[0][name], value)
        assert task_of_model(again.config.to_dict()).head == head
        assert bool(getattr(again.config, "how_to_load", None)) == (head == "bases")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.model_type)
def test_a_family_has_its_encoder_and_one_layer(family: Family) -> None:
    kinds = classes_of(family)
    settings = kinds.config(vocab_size=40, pad_token_id=0)
    settings.id2label, settings.bases_per_token = dict(enumerate(NAMES)), 4
    with torch.device("meta"):
        model = base_classifier(settings)(settings)
        encoder = kinds.encoder(settings)
    prefix = model.base_model_prefix
    assert type(model).__name__.endswith("ForBaseClassification")
    own = {name for name in model.state_dict() if not name.startswith(f"{prefix}.")}
    assert own == {"classifier.weight", "classifier.bias"}
    theirs = {f"{prefix}.{name}" for name in encoder.state_dict() if "pooler" not in name}
    assert set(model.state_dict()) - own == theirs
    assert model.classifier.out_features == 4 * len(NAMES)


@pytest.mark.parametrize(
    "case", cases("dnabert2", "gena", "hyenadna", "caduceus", "nt_v1", "nt_v2")
)
def test_checkpoints_of_the_field_are_exported_and_read_again(case: Path, tmp_path: Path) -> None:
    published = as_safetensors(case / "checkpoint", tmp_path / "published")
    tokenizer = load_tokenizer(published)
    model = build_on_checkpoint(
        published, describe(published), tokenizer=tokenizer, head="bases", **COMMON
    )
    expected = predict_probabilities(model.eval(), tokenizer, SEQUENCES)
    export(model, tokenizer, tmp_path / "bases")
    again = predict_probabilities(tmp_path / "bases", None, SEQUENCES, batch_size=1)
    np.testing.assert_allclose(again, expected, atol=1e-5)


def test_transformers_alone_does_not_take_it_for_another_model(tmp_path: Path) -> None:
    model, tokenizer = classifier("roberta")
    config = json.loads((export(model, tokenizer, tmp_path) / "config.json").read_text())
    assert config["architectures"] == ["RobertaForBaseClassification"]
    assert "dnasweep.load_model" in config["how_to_load"]
    # Its layer has three logits a token, and this one three for each of three places.
    with pytest.raises(RuntimeError, match="mismatch"):
        AutoModelForTokenClassification.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="no logits of rows"):
        class_logits(model, torch.tensor([[2, 5, 3]]), None)


def test_it_learns_which_bases_are_of_a_motif() -> None:
    sequences = toy_sequences(240, window=40)
    rows = [one.find("TATAAAAGGC") for one in sequences]
    targets = np.zeros((240, 40), dtype=np.int8)
    for row, start in enumerate(rows):
        if start >= 0:
            targets[row, start + 2], targets[row, start + 7] = 1, 2
    tokenizer = fit(TokenizerConfig.parse("char"), sequences)
    labels = Labels(task="token", names=NAMES)
    task = Classification(
        tokenizer.encode(sequences),
        targets,
        train_rows=np.arange(200),
        validation_rows=np.arange(200, 240),
        task=task_of(labels),
    )
    model = build_classifier(ENCODERS["convnet"], tokenizer=tokenizer, head="bases", **COMMON)
    result = train(
        task,
        model,
        TrainingConfig(
            bases=10 * 200 * 40,
            batch_size=20,
            micro_batch_size=20,
            optimizer=OptimizerConfig(learning_rate=1e-2),
        ),
        context=DistributedContext.current("cpu"),
    )
    assert result.best.metrics["validation/auprc"] > 0.95
    held = sequences[200:]
    predicted = predict_probabilities(result.model, tokenizer, held)
    np.testing.assert_allclose(predicted, result.probabilities, atol=1e-5)


def test_predictions_end_where_a_sequence_does() -> None:
    there = torch.tensor([[True] * 4, [True] * 2 + [False] * 2])
    found = flat_predictions(torch.ones(2, 4, 2), there, 5)
    assert found.tolist() == [[1] * 8 + [0] * 2, [1] * 4 + [0] * 6]
