"""Every estimator and every reference: the CPU's values."""

from __future__ import annotations

import dataclasses

import device_toys  # noqa: F401 starts the device
import numpy as np
import pytest
import torch
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.selftest import self_test
from dnasweep.attribution.settings import ESTIMATOR_NAMES, ExplainConfig
from shap_toys import write_model
from standin import DEVICE
from toys import TINY, toy_language, toy_sequences

SEQUENCES = toy_sequences(5, ragged=9)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"))


def both(model, config: ExplainConfig, **how):
    return [
        Explainer(model, config, device=device, **how).explain(SEQUENCES)
        for device in ("cpu", DEVICE)
    ]


def agree(here, there, atol: float = 1e-5) -> None:
    for a, b in zip(here, there, strict=True):
        np.testing.assert_allclose(b.phi, a.phi, atol=atol)
        assert b.prediction == pytest.approx(a.prediction, abs=atol)
        assert (b.called, b.num_evals) == (a.called, a.num_evals)


@pytest.mark.parametrize(
    "reference",
    ["mask", *(pytest.param(r, marks=pytest.mark.slow) for r in ("deletion", "shuffle"))],
)
@pytest.mark.parametrize("estimator", ESTIMATOR_NAMES)
def test_an_estimator_has_the_values_of_the_cpu(model, estimator, reference):
    if reference != "mask" and estimator in ("attention", "in_silico_mutagenesis"):
        pytest.skip("leaves no token out")
    if reference == "deletion" and estimator == "integrated_gradients":
        pytest.skip("needs a reference")
    budget = None if estimator in ("attention", "in_silico_mutagenesis", "partition") else 60
    kwargs = {"reference": reference} if reference != "mask" else {}
    config = ExplainConfig(estimator=estimator, max_evals=budget, precision="fp32", **kwargs)
    agree(*both(model, config), atol=1e-4 if estimator == "integrated_gradients" else 1e-5)


@pytest.mark.parametrize("layers", ["all", "rollout"])
def test_attention_is_followed_through_the_layers(model, layers):
    agree(
        *both(
            model, ExplainConfig(estimator="attention", attention_layers=layers, precision="fp32")
        )
    )


@pytest.mark.parametrize("positions", ["alibi", "windows"])
def test_models_that_are_no_plain_roberta(positions):
    from dnasweep.models.architecture import build_classifier

    changes = (
        {"positions": "alibi"} if positions == "alibi" else {"max_tokens": 12, "windows": "hidden"}
    )
    toy = toy_language(4)
    size = dataclasses.replace(TINY, **changes)
    classifier = build_classifier(
        size, tokenizer=toy.tokenizer, num_tokens=24, dropout=0.0, seed=0
    )
    config = ExplainConfig(estimator="permutation", max_evals=80, precision="fp32")
    agree(*both(classifier, config, tokenizer=toy.tokenizer))


def test_bf16_is_chosen_only_within_its_bound(model):
    wide = Explainer(model, ExplainConfig(precision_bound=0.5), device=DEVICE)
    tight = Explainer(model, ExplainConfig(precision_bound=1e-9), device=DEVICE)
    assert (wide.model.precision, tight.model.precision) == ("bf16", "fp32")
    exact = Explainer(model, ExplainConfig(precision="fp32"), device=DEVICE).explain(SEQUENCES[:2])
    for a, b in zip(exact, wide.explain(SEQUENCES[:2]), strict=True):
        assert np.abs(a.phi - b.phi).max() <= 0.1 * np.abs(a.phi).max()


def test_a_model_checks_itself_on_the_device(model):
    explainer = Explainer(model, ExplainConfig(precision="fp32"), device=DEVICE)
    self_test(explainer, SEQUENCES[1])


def test_a_batch_that_does_not_fit_is_halved_and_values_stay(model, monkeypatch):
    from dnasweep.attribution.explained_model import ExplainedModel

    config = ExplainConfig(estimator="permutation", max_evals=80, precision="fp32")
    whole = Explainer(model, config, device=DEVICE).explain(SEQUENCES)
    explainer, seen = Explainer(model, config, device=DEVICE), []
    plain = ExplainedModel.value_of

    def fits(self, logits):
        seen.append(len(logits))
        if len(logits) > 16:
            raise torch.OutOfMemoryError("no memory left")
        return plain(self, logits)

    monkeypatch.setattr(ExplainedModel, "value_of", fits)
    from standin import CARD

    emptied = CARD.emptied
    agree(whole, explainer.explain(SEQUENCES))
    assert CARD.emptied > emptied
    assert max(seen) > 16 >= seen[-1]
