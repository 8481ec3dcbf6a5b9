"""Models of any family are explained through their own forward pass, with the values it gives."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from backbone_toys import SIZE, dnabert, dnabert_kmers, save
from dnasweep.attribution import selftest
from dnasweep.attribution.block import Block
from dnasweep.attribution.checks import check_model
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.explained_model import ExplainedModel
from dnasweep.attribution.references import mask_references
from dnasweep.attribution.selftest import self_test
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.errors import InputError
from dnasweep.models.architecture import build_classifier
from dnasweep.models.encoder.capacity import UNBOUNDED
from dnasweep.models.encoder.perturbations import PlainPerturbedForward, RobertaPerturbedForward
from dnasweep.models.pretrained.checkpoint import export
from dnasweep.models.pretrained.encoder import build_on_checkpoint, describe
from dnasweep.tokens.loading import load_tokenizer
from toys import TINY, toy_language
from transformers import BertConfig, BertForMaskedLM, EsmConfig, EsmForMaskedLM

CLASSES = ("background", "promoter")
SEQUENCE = "ACGTTGCAGGCTAACTATAAAAGGC"
SIZES = {
    "roberta": TINY,
    "alibi": dataclasses.replace(TINY, positions="alibi"),
    "logo": dataclasses.replace(TINY, family="albert", embedding=16),
    "windows": dataclasses.replace(TINY, max_tokens=8, windows="log-odds"),
}


@pytest.fixture(scope="module")
def toy():
    return toy_language(4)


def classifier(toy, family, folder):
    if family == "bert":
        source = dnabert(folder / "dnabert")
        tokenizer = load_tokenizer(source)
        model = build_on_checkpoint(
            source,
            describe(source),
            tokenizer=tokenizer,
            num_tokens=30,
            label_names=CLASSES,
            dropout=0.0,
            seed=0,
        )
    else:
        tokenizer = toy.tokenizer
        model = build_classifier(
            SIZES[family],
            tokenizer=tokenizer,
            num_tokens=30,
            label_names=CLASSES,
            dropout=0.0,
            seed=0,
        )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)
    return model.eval(), tokenizer


@pytest.mark.parametrize("family", [*SIZES, "bert"])
def test_values_of_coalitions_are_those_of_the_models_own_forward(toy, family, tmp_path):
    model, tokenizer = classifier(toy, family, tmp_path)
    explained = ExplainedModel(model, target=1, value="logit")
    assert isinstance(
        explained.forward,
        RobertaPerturbedForward if family == "roberta" else PlainPerturbedForward,
    )
    ids = tokenizer.encode([SEQUENCE]).ids[None].astype(np.int64)
    block = Block.of(explained, ids, mask_references(ids, tokenizer.mask_id))
    masks = np.random.default_rng(0).random((6, block.num_tokens)) < 0.5
    found = block.values(np.zeros(6, np.int64), masks)
    shown = np.where(np.pad(masks, ((0, 0), (1, 1)), constant_values=True), ids, tokenizer.mask_id)
    with torch.no_grad():
        if family == "windows":
            inner = shown[:, 1:-1]
            size = 6
            starts = [0, 3] if inner.shape[1] == 9 else None
            assert starts is not None, inner.shape
            parts = [
                np.concatenate([shown[:, :1], inner[:, s : s + size], shown[:, -1:]], axis=1)
                for s in starts
            ]
            logits = torch.stack([model(torch.from_numpy(p)).logits for p in parts]).mean(0)
        else:
            logits = model(torch.from_numpy(shown)).logits
    np.testing.assert_allclose(found, logits[:, 1].double().numpy(), atol=1e-5)
    assert np.ptp(found) > 1e-3


@pytest.mark.parametrize("family", ["alibi", "logo", "windows", "bert"])
def test_the_fast_and_the_plain_way_agree_and_the_self_test_passes(toy, family, tmp_path):
    model, tokenizer = classifier(toy, family, tmp_path)
    directory = export(model, tokenizer, tmp_path / "model")
    facts = check_model(directory)
    assert facts.capacity == {"alibi": UNBOUNDED, "windows": UNBOUNDED, "bert": 64}.get(family, 32)
    explainer = Explainer(directory, ExplainConfig(max_evals=60), device="cpu")
    self_test(explainer, SEQUENCE)
    (found,) = explainer.explain([SEQUENCE])
    assert abs(found.phi.sum() - (found.prediction - found.base_value)) < 1e-3
    if family != "windows":
        gradients = ExplainConfig(estimator="integrated_gradients", max_evals=90)
        (along,) = Explainer(directory, gradients, device="cpu").explain([SEQUENCE])
        gap = abs(along.phi.sum() - (along.prediction - along.base_value))
        assert gap < 0.2 * max(abs(along.prediction - along.base_value), np.abs(along.phi).sum())


def test_a_roberta_explained_the_plain_way_has_the_same_values(toy, tmp_path):
    model, tokenizer = classifier(toy, "roberta", tmp_path)
    explained = ExplainedModel(model, target=1, value="logit")
    ids = tokenizer.encode([SEQUENCE]).ids[None].astype(np.int64)
    references = mask_references(ids, tokenizer.mask_id)
    masks = np.random.default_rng(1).random((9, ids.shape[1] - 2)) < 0.5
    rows = np.zeros(9, np.int64)
    fast = Block.of(explained, ids, references).values(rows, masks)
    explained.forward = PlainPerturbedForward(model)
    plain = Block.of(explained, ids, references).values(rows, masks)
    np.testing.assert_allclose(fast, plain, atol=1e-6)


@pytest.mark.parametrize("positions", ["absolute", "rotary"])
@pytest.mark.parametrize("reference", ["mask", "shuffle"])
def test_gradients_of_an_esm_see_its_positions_and_its_token_dropout(
    positions, reference, tmp_path
):
    torch.manual_seed(0)
    config = EsmConfig(
        vocab_size=69,
        max_position_embeddings=64,
        pad_token_id=0,
        mask_token_id=4,
        token_dropout=True,
        position_embedding_type=positions,
        **SIZE,
    )
    source = save(EsmForMaskedLM(config), tmp_path / "esm", dnabert_kmers())
    tokenizer = load_tokenizer(source)
    model = build_on_checkpoint(
        source,
        describe(source),
        tokenizer=tokenizer,
        num_tokens=30,
        label_names=CLASSES,
        dropout=0.0,
        seed=0,
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2)
    settings = ExplainConfig(
        estimator="integrated_gradients", max_evals=1800, reference=reference, num_shuffles=2
    )
    explainer = Explainer(model, settings, tokenizer=tokenizer, device="cpu")
    self_test(explainer, SEQUENCE)
    (found,) = explainer.explain([SEQUENCE])
    # Between the values of the model's own forward pass, token dropout and all.
    ids = torch.from_numpy(tokenizer.encode([SEQUENCE]).ids.astype(np.int64))[None]
    with torch.no_grad():
        logits = model(input_ids=ids).logits[0].double()
    assert found.prediction == pytest.approx(float(logits[1] - logits[0]), abs=1e-5)
    assert found.phi.sum() == pytest.approx(found.prediction - found.base_value, abs=2e-3)
    assert abs(found.prediction - found.base_value) > 0.005
    if reference == "mask":
        ids[0, 1:-1] = 4
        with torch.no_grad():
            logits = model(input_ids=ids).logits[0].double()
        assert found.base_value == pytest.approx(float(logits[1] - logits[0]), abs=1e-5)


@pytest.mark.parametrize(("asked", "spent"), [(90, 89), (None, 50)])
def test_the_self_test_says_of_coarse_gradients_that_they_are_coarse(
    toy, tmp_path, monkeypatch, asked, spent
):
    model, tokenizer = classifier(toy, "bert", tmp_path)
    settings = ExplainConfig(estimator="integrated_gradients", max_evals=asked)
    explainer = Explainer(model, settings, tokenizer=tokenizer, device="cpu")
    monkeypatch.setattr(selftest, "GRADIENT_GAP", 0.0)
    monkeypatch.setattr(selftest, "ROUNDING", 0.0)
    with pytest.raises(InputError, match=rf"sum to .*--max-evals {spent},") as caught:
        self_test(explainer, SEQUENCE)
    assert "label" not in str(caught.value)


def test_a_tokenizer_without_mask_token_needs_another_reference(tmp_path):
    kmers = [kmer for kmer in dnabert_kmers() if kmer != "[MASK]"]
    sizes = BertConfig(vocab_size=len(kmers), max_position_embeddings=64, **SIZE)
    source = save(BertForMaskedLM(sizes), tmp_path / "unmasked", kmers)
    tokenizer = load_tokenizer(source)
    model = build_on_checkpoint(
        source,
        describe(source),
        tokenizer=tokenizer,
        num_tokens=30,
        label_names=CLASSES,
        dropout=0.0,
        seed=0,
    )
    folder = tmp_path / "classifier"
    export(model, tokenizer, folder)
    with pytest.raises(InputError, match=r"no \[MASK\] token.*--reference deletion"):
        check_model(folder)
    assert check_model(folder, reference="deletion").target == "promoter"


def test_points_of_a_path_are_doubled_until_the_values_add_up(toy, tmp_path):
    model, tokenizer = classifier(toy, "bert", tmp_path)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGT"), 20)) for _ in range(12)]

    def explain(max_evals):
        settings = ExplainConfig(estimator="integrated_gradients", max_evals=max_evals)
        return Explainer(model, settings, tokenizer=tokenizer, device="cpu").explain(sequences)

    coarse, fine = explain(50), explain(None)
    spans = [abs(one.prediction - one.base_value) for one in coarse]
    poor = [one.completeness_error > 0.05 * span for one, span in zip(coarse, spans, strict=True)]
    assert 0 < sum(poor) < len(poor)
    for was, now, span, doubled in zip(coarse, fine, spans, poor, strict=True):
        assert (now.num_evals > 50) == doubled
        if doubled:
            assert now.completeness_error <= was.completeness_error
            assert now.completeness_error <= 0.05 * span or now.num_evals == 1490
        else:
            np.testing.assert_allclose(now.phi, was.phi, atol=1e-6)
