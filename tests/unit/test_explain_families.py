"""Models of any family are explained through their own forward pass, with the values it gives."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from backbone_toys import dnabert
from dnasweep.explain.checks import check_model
from dnasweep.explain.engine import Explainer
from dnasweep.explain.game import Block, Game
from dnasweep.explain.references import mask_references
from dnasweep.explain.settings import ExplainConfig
from dnasweep.language.tokenizers import DnaTokenizer
from dnasweep.model.architecture import build_classifier
from dnasweep.model.backbone import build_on_checkpoint, describe
from dnasweep.model.capacity import UNBOUNDED
from dnasweep.model.checkpoint import export
from dnasweep.model.variants import PlainVariants, VariantForward
from toys import TINY, toy_language

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
        tokenizer = DnaTokenizer.load(source)
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
    game = Game(model, target=1, value="logit")
    assert isinstance(game.variants, VariantForward if family == "roberta" else PlainVariants)
    ids = tokenizer.encode([SEQUENCE]).ids[None].astype(np.int64)
    block = Block.open(game, ids, mask_references(ids, tokenizer.mask_id))
    masks = np.random.default_rng(0).random((6, block.num_players)) < 0.5
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
    explainer.self_test(SEQUENCE)
    (found,) = explainer.explain([SEQUENCE])
    assert abs(found.phi.sum() - (found.full - found.empty)) < 1e-3
    if family != "windows":
        gradients = ExplainConfig(estimator="integrated_gradients", max_evals=90)
        (along,) = Explainer(directory, gradients, device="cpu").explain([SEQUENCE])
        gap = abs(along.phi.sum() - (along.full - along.empty))
        assert gap < 0.2 * max(abs(along.full - along.empty), np.abs(along.phi).sum())


def test_a_roberta_explained_the_plain_way_has_the_same_values(toy, tmp_path):
    model, tokenizer = classifier(toy, "roberta", tmp_path)
    game = Game(model, target=1, value="logit")
    ids = tokenizer.encode([SEQUENCE]).ids[None].astype(np.int64)
    references = mask_references(ids, tokenizer.mask_id)
    masks = np.random.default_rng(1).random((9, ids.shape[1] - 2)) < 0.5
    rows = np.zeros(9, np.int64)
    fast = Block.open(game, ids, references).values(rows, masks)
    game.variants = PlainVariants(model)
    plain = Block.open(game, ids, references).values(rows, masks)
    np.testing.assert_allclose(fast, plain, atol=1e-6)
