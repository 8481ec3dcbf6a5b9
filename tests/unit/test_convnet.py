"""The convolutional baseline: what it reads, how it is trained in a sweep, and that all of the rest knows it."""

from __future__ import annotations

from pathlib import Path

import dnasweep
import numpy as np
import pytest
import torch
from backbone_toys import labelled_rows
from dnasweep.config import ModelConfig, TokenizerConfig
from dnasweep.models.architecture import build_classifier
from dnasweep.models.encoder.convnet import register
from dnasweep.models.encoder.forward import class_logits
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import export, load_classifier
from dnasweep.stages.specs import CNN
from dnasweep.tokens.corpus import collate
from dnasweep.tokens.tokenizers import fit
from transformers import AutoModelForSequenceClassification

SEQUENCES = ["ACGTTGCAGGCTAACTATAAAAGGC", "ACGTTGCAGG", "TTGACAGGCTAACTATAAAAGGCAA", "TTTACG"]


@pytest.fixture
def tokenizer():
    return fit(TokenizerConfig(kind="char"), [])


@pytest.fixture
def model(tokenizer):
    return build_classifier(
        ModelConfig.convnet(),
        tokenizer=tokenizer,
        num_tokens=30,
        num_labels=3,
        dropout=0.1,
        seed=1,
    ).eval()


def test_it_has_some_300_thousand_parameters(model) -> None:
    assert 250_000 < sum(p.numel() for p in model.parameters()) < 350_000


def test_padding_and_other_rows_change_no_value(model, tokenizer) -> None:
    corpus = tokenizer.encode(SEQUENCES)
    batch = collate(corpus, np.arange(len(SEQUENCES)), tokenizer.pad_id)
    ids = torch.from_numpy(batch.ids)
    real = torch.arange(ids.shape[1]) < torch.from_numpy(batch.lengths)[:, None]
    with torch.no_grad():
        together = class_logits(model, ids, real)
        alone = torch.cat(
            [
                class_logits(model, row[:n][None], None)
                for row, n in zip(ids, batch.lengths, strict=True)
            ]
        )
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-5)
    assert alone.std(0).min() > 1e-4, "different sequences get different values"


def test_every_base_within_its_reach_counts(model, tokenizer) -> None:
    # 15 bases of the first layer, and 2, 4, 8, 16 and 32 more of the others.
    embedded = {}
    model.get_input_embeddings().register_forward_hook(
        lambda module, args, out: embedded.setdefault("x", out.requires_grad_())
    )
    ids = torch.from_numpy(tokenizer.encode(["ACGT" * 50]).ids.astype(np.int64))[None]
    states = model.base_model(ids).last_hidden_state
    (gradient,) = torch.autograd.grad(states[0, 100].sum(), embedded["x"])
    reached = gradient[0].abs().sum(1).nonzero().flatten()
    assert (reached.min(), reached.max()) == (100 - 38, 100 + 38)


def test_saved_and_loaded_it_is_the_same(model, tokenizer, tmp_path: Path) -> None:
    folder = export(model, tokenizer, tmp_path / "model")
    again = load_classifier(folder).eval()
    register()
    plain = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    ids = torch.from_numpy(tokenizer.encode(SEQUENCES[:1]).ids.astype(np.int64))[None]
    with torch.no_grad():
        for other in (again, plain):
            torch.testing.assert_close(other(ids).logits, model(ids).logits)
    one = predict_probabilities(folder, None, SEQUENCES, batch_size=1)
    np.testing.assert_allclose(predict_probabilities(folder, None, SEQUENCES), one, atol=1e-6)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> dnasweep.Sweep:
    folder = tmp_path_factory.mktemp("sweep")
    labelled_rows(240).to_csv(folder / "rows.csv", index=False)
    return dnasweep.sweep(
        str(folder / "rows.csv"),
        {"tokenizer": ["kmer-3", "kmer-4"], "species_set": ["none"], "seed": [0, 1]},
        baselines=("kmer", "cnn"),
        storage=folder / "runs",
        tracking_uri="none",
        split="random",
        preset="1x16x2",
        learning_rates=[1e-2],
        finetune_epochs=6,
        tuning="probe",
        progress=False,
    )


def test_a_sweep_trains_it_once_for_each_seed_whatever_the_tokenizers(swept) -> None:
    rows = swept.table[swept.table["species_set"] == CNN]
    assert set(rows["tokenizer"]) == {"char"}
    assert len(rows["trial_keys"].iloc[0].split()) == 2, "two seeds, once each"
    assert float(rows["validation_mcc"].iloc[0]) > 0.9, "all of its weights are trained"
    said = " ".join(swept.findings)
    assert "against the convolutional network on the test rows" in said
    assert "Tokenizers: kmer" in said, "it is no tokenizer's merit"


def test_what_it_saw_is_explained(swept, tmp_path: Path) -> None:
    model = swept.best()
    assert model.tokenizer.config.name == "char"
    sequence = labelled_rows(2)["sequence"][1]
    for estimator in ("partition", "integrated_gradients"):
        found = dnasweep.explain(model, [sequence], estimator=estimator, progress=False)
        per_base = found.per_base()[0]
        assert np.argmax(np.abs(per_base)) in range(5, 15), "within the motif"
        total = found.values[0].sum()
        assert np.isfinite(total)
    with pytest.raises(dnasweep.InputError, match="attention"):
        dnasweep.explain(model, [sequence], estimator="attention", progress=False)
