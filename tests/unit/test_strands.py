"""Reverse complements: shown in training, called by in prediction, always cut from their own bases."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from dnasweep.annotate.predictions import predict_table
from dnasweep.config import AVERAGED
from dnasweep.errors import InputError
from dnasweep.genome.bases import reverse_complement
from dnasweep.language.alphabet import other_strand
from dnasweep.language.corpus import Corpus
from dnasweep.model import rows as rows_module
from dnasweep.model.architecture import build_classifier
from dnasweep.model.checkpoint import export
from dnasweep.model.mesh import Mesh
from dnasweep.model.predict import predict_probabilities
from dnasweep.model.strands import Strands
from dnasweep.model.tasks import Classification
from toys import TINY, ToyLanguage, reverse_of, toy_language

CPU = Mesh(device=torch.device("cpu"))
SPECS = ["kmer-3", "kmer-3-overlap", "bpe-48", "wordpiece-48", "char"]


@pytest.fixture(scope="module", params=SPECS)
def toy(request: pytest.FixtureRequest) -> ToyLanguage:
    return toy_language(40, spec=request.param, ragged=9)


def classifier(toy: ToyLanguage):
    """A classifier with weights so large that a mix-up of strands shows."""
    model = build_classifier(
        TINY,
        tokenizer=toy.tokenizer,
        num_tokens=80,
        dropout=0.0,
        seed=0,
        label_names=("negative", "positive"),
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(8)
    return model.eval()


def task(toy: ToyLanguage, **how: object) -> Classification:
    return Classification(
        toy.corpus,
        toy.labels,
        train_rows=toy.train_rows,
        validation_rows=toy.validation_rows,
        strands=Strands(toy.corpus, reverse_of(toy), **how),
    )


def bases(toy: ToyLanguage, ids: torch.Tensor) -> str:
    """Put the tokens of a row together again, for tokenizers that do not overlap."""
    tokens = [toy.tokenizer.tokens[i] for i in ids.tolist()]
    return "".join(t for t in tokens if not t.startswith("["))


def test_the_other_strand_of_any_letters():
    assert other_strand("ACGTN") == "NACGT"
    assert other_strand("aacgu") == "ACGTT"
    assert other_strand("AAR") == "NTT", "a tokenizer reads N for it on either strand"
    sequence = "TATAAAAGGCNNACG"
    assert other_strand(other_strand(sequence)) == sequence


def test_each_strand_is_shown_about_half_the_time():
    corpus = toy_language(2000, window=20).corpus
    strands = Strands(corpus, corpus, augment=True)
    rows = np.arange(2000)
    reverse = np.stack([strands.shown(rows, epoch) >= 2000 for epoch in range(20)])
    # 40,000 draws: a standard deviation of 0.0025, and of 4.5 in the rows of an epoch.
    assert abs(reverse.mean() - 0.5) < 0.01
    assert np.abs(reverse.mean(1) - 0.5).max() < 0.06
    both = reverse.any(0) & ~reverse.all(0)
    assert both.mean() > 0.999, "every row is seen on both strands"
    following = (reverse[1:] == reverse[:-1]).mean()
    assert abs(following - 0.5) < 0.01, "an epoch says nothing of the next one"


def test_a_strand_depends_on_row_epoch_and_seed_alone(toy):
    augmented = task(toy, augment=True, seed=3)
    rows = toy.train_rows
    together = augmented.strands.shown(rows, 2)
    order = np.random.default_rng(0).permutation(len(rows))
    np.testing.assert_array_equal(augmented.strands.shown(rows[order], 2), together[order])
    alone = [augmented.strands.shown(rows[i : i + 1], 2)[0] for i in range(len(rows))]
    assert alone == together.tolist()
    assert (augmented.strands.shown(rows, 3) != together).any()
    assert (task(toy, augment=True, seed=4).strands.shown(rows, 2) != together).any()


def test_a_row_is_shown_as_it_is_or_as_its_reverse_complement(toy):
    augmented, plain = task(toy, augment=True), task(toy)
    rows = toy.train_rows
    batch = augmented.batch(rows, 0)
    assert batch.targets.tolist() == toy.labels[rows].tolist()
    reverse = Corpus.build(toy.tokenizer, [reverse_complement(s) for s in toy.sequences])
    turned = 0
    for row, ids in zip(rows, batch.ids, strict=True):
        own = toy.corpus.ids[toy.corpus.offsets[row] : toy.corpus.offsets[row + 1]]
        other = reverse.ids[reverse.offsets[row] : reverse.offsets[row + 1]]
        ids = ids[ids != toy.tokenizer.pad_id]
        assert ids.tolist() in (own.tolist(), other.tolist())
        turned += ids.tolist() == other.tolist()
        if "overlap" not in toy.tokenizer.config.name:
            sequence = toy.sequences[row]
            assert bases(toy, ids) in (sequence, reverse_complement(sequence))
    assert 5 < turned < 25
    assert bool((plain.batch(rows, 0).ids == plain.batch(rows, 1).ids).all())


def test_validation_is_never_turned(toy):
    model = classifier(toy)
    assert task(toy, augment=True).evaluate(model, CPU) == task(toy).evaluate(model, CPU)


def test_validation_calls_by_the_mean_log_odds_of_both_strands(toy, monkeypatch):
    model, averaged = classifier(toy), task(toy, average=True)
    averaged.evaluate(model, CPU)

    def log_odds(sequences: list[str]) -> np.ndarray:
        found = predict_probabilities(model, toy.tokenizer, sequences, device="cpu")
        return np.log(found[:, 1] / found[:, 0])

    own = [toy.sequences[row] for row in toy.validation_rows]
    one, other = log_odds(own), log_odds([reverse_complement(s) for s in own])
    assert np.abs(one - other).max() > 0.1, "the strands differ, or nothing is shown"
    found = np.log(averaged.probabilities[:, 1] / averaged.probabilities[:, 0])
    np.testing.assert_allclose(found, (one + other) / 2, atol=1e-4)
    monkeypatch.setitem(rows_module.EVALUATION_ROWS, "cpu", 3)
    before = averaged.probabilities
    averaged.evaluate(model, CPU)
    np.testing.assert_allclose(averaged.probabilities, before, atol=1e-5)


def test_a_sequence_and_its_reverse_complement_are_called_alike(toy, tmp_path):
    model = classifier(toy)
    turned = [reverse_complement(s) for s in toy.sequences]

    def predict(sequences: list[str], source=model) -> np.ndarray:
        return predict_probabilities(source, toy.tokenizer, sequences, device="cpu")

    assert np.abs(predict(toy.sequences) - predict(turned)).max() > 0.01
    setattr(model.config, AVERAGED, True)
    expected = predict(toy.sequences)
    np.testing.assert_allclose(predict(turned), expected, atol=1e-6)
    assert expected.sum(1) == pytest.approx(np.ones(40))
    folder = export(model, toy.tokenizer, tmp_path)
    assert json.loads((folder / "config.json").read_text())[AVERAGED] is True
    np.testing.assert_allclose(predict(toy.sequences, folder), expected, atol=1e-6)
    frames = [
        predict_table(folder, pd.DataFrame({"id": "x", "species": "", "sequence": sequences}))
        for sequences in (toy.sequences, turned)
    ]
    column = "probability_positive"
    np.testing.assert_allclose(frames[0][column], expected[:, 1], atol=1e-6)
    np.testing.assert_allclose(frames[1][column], expected[:, 1], atol=1e-6)


def test_a_strand_too_long_for_the_model_is_named():
    toy = toy_language(40, spec="bpe-48")
    sequences = toy.sequences
    own, other = toy.corpus.num_tokens(), reverse_of(toy).num_tokens()
    row = int(np.argmax(other - own))
    assert other[row] > own[row]
    model = build_classifier(
        TINY, tokenizer=toy.tokenizer, num_tokens=int(own[row]), dropout=0.0, seed=0
    )
    model.config.max_position_embeddings = int(own[row]) + toy.tokenizer.pad_id + 1
    predict_probabilities(model, toy.tokenizer, [sequences[row]], device="cpu")
    setattr(model.config, AVERAGED, True)
    with pytest.raises(InputError, match=f"{other[row]} tokens and the model holds {own[row]}"):
        predict_probabilities(model, toy.tokenizer, [sequences[row]], device="cpu")


def test_turning_needs_the_other_strand_of_every_row():
    corpus, short = toy_language(8).corpus, toy_language(7).corpus
    for how in ({"augment": True}, {"average": True}):
        for reverse in (None, short):
            with pytest.raises(ValueError, match="reverse complement"):
                Strands(corpus, reverse, **how)
