"""Strands, class weights and smoothing from the command line to the weights on disk."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from dnasweep.config import ClassificationConfig
from dnasweep.formats.bases import reverse_complement
from dnasweep.models.classification import Classification
from dnasweep.models.predict import predict_probabilities
from dnasweep.stages import classifier, encoder
from dnasweep.stages.dataset import load_dataset, rows_of
from dnasweep.stages.recipe import Cell
from dnasweep.stages.scores import evaluate_on_test
from dnasweep.stages.tokens import obtain_corpus, obtain_reverse_corpus
from dnasweep.sweeps.axes import SweepOptions
from dnasweep.sweeps.request import Sweep, prepare_sweep
from dnasweep.tasks.losses import balanced_weights
from rich.console import Console
from toy_data import write_toy_table

AXES = {"tokenizer": ("bpe-48",), "species_set": ("all",), "learning_rate": (1e-3,), "seed": (0,)}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    root = tmp_path_factory.mktemp("regular")
    options = SweepOptions(
        data=(str(write_toy_table(root / "toy.csv")),),
        storage=str(root / "runs"),
        preset="1x16",
        pretrain_epochs=0.2,
        finetune_epochs=0.5,
        evaluations=1,
        augment_reverse_complement=True,
        average_reverse_complement=True,
        class_weights="balanced",
        label_smoothing=0.1,
    )
    return prepare_sweep("regular", AXES, options, Console(quiet=True))


def test_options_reach_the_loss_the_weights_on_disk_and_the_test(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks: list[Classification] = []

    def listen(*positional: object, **named: object) -> Classification:
        tasks.append(Classification(*positional, **named))  # type: ignore[arg-type]
        return tasks[-1]

    monkeypatch.setattr(classifier, "Classification", listen)
    storage, (spec,) = sweep.storage, sweep.plan.classifiers
    classifier.finetune(storage, spec)
    (task,) = tasks
    table = load_dataset(storage, spec.tokenizer.dataset).table
    rows = rows_of(table, ())
    assert task.strands.augment
    assert task.strands.average
    assert task.objective.label_smoothing == 0.1
    np.testing.assert_array_equal(
        task.objective.weights, balanced_weights(table["label"].to_numpy()[rows.train], 2)
    )
    found = storage.find(spec.kind, spec.key)
    assert found is not None
    checkpoint = found / "checkpoint"
    config = json.loads((checkpoint / "config.json").read_text())
    assert config["average_reverse_complement"] is True
    sequences = table["sequence"].iloc[rows.test].tolist()
    scores = evaluate_on_test(storage, spec).scores
    for strand in (sequences, [reverse_complement(s) for s in sequences]):
        found_again = predict_probabilities(checkpoint, None, strand, device="cpu")[:, 1]
        np.testing.assert_allclose(found_again, scores, atol=1e-6)


def test_the_other_strand_is_cut_by_itself_and_kept(sweep: Sweep) -> None:
    storage, (spec,) = sweep.storage, sweep.plan.classifiers
    tokenizer, corpus = obtain_corpus(storage, spec.tokenizer)
    reverse = obtain_reverse_corpus(storage, spec.tokenizer, tokenizer)
    table = load_dataset(storage, spec.tokenizer.dataset).table
    turned = tokenizer.encode([reverse_complement(s) for s in table["sequence"]])
    np.testing.assert_array_equal(reverse.ids, turned.ids)
    assert (reverse.num_tokens() != corpus.num_tokens()).any(), "or nothing is shown"
    np.testing.assert_array_equal(reverse.num_bases(), corpus.num_bases())
    assert storage.find("corpora", spec.tokenizer.reverse_corpus_key) is not None


@pytest.mark.parametrize(
    ("change", "turns"),
    [
        ({"augment_reverse_complement": True}, True),
        ({"average_reverse_complement": True}, True),
        ({"class_weights": "balanced"}, False),
        ({"label_smoothing": 0.1}, False),
    ],
)
def test_every_setting_makes_another_trial(sweep: Sweep, change: dict, turns: bool) -> None:
    plain = dataclasses.replace(sweep.recipe, classification=ClassificationConfig())
    other = dataclasses.replace(plain, classification=ClassificationConfig(**change))
    for tokenizer, fitted in (("kmer-6", False), ("char", False), ("bpe-48", True)):
        one, two = (recipe.expand(Cell(tokenizer=tokenizer)) for recipe in (plain, other))
        assert one.key != two.key
        assert one.encoder is not None
        assert two.encoder is not None
        # K-mers of both strands are as many: the encoder is the same one.
        assert two.encoder.both_strands == (turns and fitted)
        assert (one.encoder.key != two.encoder.key) == (turns and fitted)


class Rows:
    """As much of a corpus as is asked for: how many tokens its rows have."""

    def __init__(self, *tokens: int) -> None:
        self.tokens = np.array(tokens)

    def num_tokens(self) -> np.ndarray:
        return self.tokens


def test_an_encoder_has_room_for_the_longer_strand(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, spec = sweep.storage, sweep.plan.classifiers[0].encoder
    assert spec is not None
    assert spec.both_strands
    monkeypatch.setattr(encoder, "obtain_reverse_corpus", lambda *_: Rows(90, 3))
    alone = dataclasses.replace(spec, both_strands=False)
    lengths = [encoder._most_tokens(storage, s, None, Rows(20, 31)) for s in (spec, alone)]  # type: ignore[arg-type]
    assert lengths == [90, 31]
