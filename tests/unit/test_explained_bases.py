"""Explanations of models of bases and of bins: what is explained, and that values add up to it."""

from __future__ import annotations

from pathlib import Path

import dnasweep
import numpy as np
import pandas as pd
import pytest
import torch
from base_toys import NAMES, TRACKS, placed_model
from dnasweep.attribution.checks import check_model, find_unfit
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.selftest import self_test
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.errors import InputError
from dnasweep.genomics.sequence_values import SequenceValues
from dnasweep.models.predict import predict_probabilities
from dnasweep.models.pretrained.checkpoint import export
from dnasweep.tasks.any_base import any_base
from dnasweep.tasks.objective import Output
from dnasweep.tasks.registry import task_of_model
from dnasweep.tasks.token import Token

BINS = 4
SEQUENCES = ["ACGTTGCAGGCTAACTATAAAAGGC", "ACGTTGCAGGAAC", "TTGACANGGCTAACTATAAAAGGCA"]
ESTIMATORS = ("adjusted_kernel", "permutation", "partition", "integrated_gradients", "lime")


def explain(made, sequences=SEQUENCES, **settings):
    model, tokenizer = made
    return Explainer(model, ExplainConfig(**settings), tokenizer=tokenizer).explain(sequences)


@pytest.mark.parametrize("spec", ["kmer-3-overlap", "bpe-64"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("target", ["donor", "donor@7"])
def test_values_of_bases_add_up(spec: str, estimator: str, target: str) -> None:
    made = placed_model(NAMES, spec)
    for one in explain(made, target=target, estimator=estimator, max_evals=300):
        assert np.abs(one.phi).max() > 1e-3
        if estimator != "lime":
            rough = estimator == "integrated_gradients"
            span = abs(one.prediction - one.base_value)
            assert one.completeness_error < (0.02 * max(span, 1) if rough else 1e-8)


def test_the_value_of_a_base_is_its_log_odds_and_of_a_row_that_any_base_has_the_class() -> None:
    made = placed_model(NAMES)
    predicted = predict_probabilities(*made, SEQUENCES).reshape(3, -1, 3)
    at = [one.prediction for one in explain(made, target="donor@7", estimator="permutation")]
    p = predicted[:, 7, 1]
    np.testing.assert_allclose(at, np.log(p / (1 - p)), atol=1e-4)
    found = explain(made, target="donor", estimator="permutation")
    # Bases beyond the end of a sequence have probability 0.
    none = np.prod(1 - predicted[:, :, 1], axis=1)
    np.testing.assert_allclose([x.prediction for x in found], np.log((1 - none) / none), atol=1e-4)
    shares = explain(made, target="donor", value="probability", estimator="permutation")
    np.testing.assert_allclose([x.prediction for x in shares], 1 - none, atol=1e-5)
    other = explain(made, target="acceptor", estimator="permutation")
    against = explain(made, target="donor", against="acceptor", estimator="permutation")
    for plus, minus, both in zip(found, other, against, strict=True):
        np.testing.assert_allclose(both.phi, plus.phi - minus.phi, atol=1e-8)


def test_a_model_calls_the_base_that_is_explained() -> None:
    made = placed_model(NAMES)
    calls = predict_probabilities(*made, SEQUENCES).reshape(3, -1, 3)[:, 7].argmax(1)
    for number, name in enumerate(NAMES):
        found = explain(made, target=f"{name}@7", estimator="permutation")
        assert [one.called for one in found] == (calls == number).tolist()


def test_the_value_of_a_track_is_the_log_of_its_sum_and_of_a_bin_its_own() -> None:
    made = placed_model(TRACKS, places=BINS)
    assert task_of_model(made[0].config.to_dict()).name == "profile"
    signal = predict_probabilities(*made, SEQUENCES).reshape(3, BINS, 2)
    for estimator in ESTIMATORS:
        whole = explain(made, target="cage", estimator=estimator, max_evals=300)
        np.testing.assert_allclose(
            [one.prediction for one in whole], np.log(signal[:, :, 1].sum(1)), atol=1e-4
        )
        rough = estimator == "integrated_gradients"
        if estimator != "lime":
            assert max(one.completeness_error for one in whole) < (2e-2 if rough else 1e-8)
    of_bin = explain(made, target="atac@3", estimator="permutation")
    np.testing.assert_allclose([x.prediction for x in of_bin], np.log(signal[:, 3, 0]), atol=1e-4)


@pytest.mark.parametrize("target", ["donor", "acceptor@3"])
def test_mutations_change_what_they_change_in_predictions(target: str) -> None:
    made = placed_model(NAMES, "bpe-64")
    task = Token(NAMES)
    (found,) = explain(made, SEQUENCES[:1], target=target, estimator="in_silico_mutagenesis")
    mutated = SEQUENCES[0][:5] + "T" + SEQUENCES[0][6:]
    logits = predict_probabilities(*made, [SEQUENCES[0], mutated]).reshape(2, -1, 3)
    name, _, place = target.partition("@")
    values = task.explained(
        torch.from_numpy(np.log(logits)),
        Output(NAMES.index(name), place=int(place) if place else None),
    )
    assert found.prediction == pytest.approx(float(values[0]), abs=1e-4)
    assert found.effects[5, 3] == pytest.approx(float(values[1] - values[0]), abs=1e-4)


@pytest.mark.parametrize(("names", "places"), [(NAMES, 1), (("none", "tss"), 1), (TRACKS, BINS)])
@pytest.mark.parametrize("place", ["", "@2"])
@pytest.mark.parametrize("estimator", ["adjusted_kernel", "in_silico_mutagenesis"])
def test_the_test_of_a_job_passes_on_a_good_model(
    names: tuple[str, ...], places: int, place: str, estimator: str
) -> None:
    model, tokenizer = placed_model(names, places=places)
    config = ExplainConfig(target=names[1] + place, estimator=estimator)
    self_test(Explainer(model, config, tokenizer=tokenizer), SEQUENCES[0])


def test_which_sequences_share_a_batch_changes_no_value() -> None:
    made = placed_model(NAMES, "bpe-64")
    together = explain(made, target="donor", reference="shuffle", estimator="permutation")
    for one, sequence in zip(together, SEQUENCES, strict=True):
        (alone,) = explain(
            made, [sequence], target="donor", reference="shuffle", estimator="permutation"
        )
        np.testing.assert_allclose(alone.phi, one.phi, atol=1e-5)


def test_what_does_not_explain_bases_is_refused() -> None:
    made = placed_model(NAMES)
    for settings, reason in (
        ({"estimator": "attention"}, "first token"),
        ({"estimator": "anchors"}, "no class of a sequence"),
        ({"reference": "deletion"}, "would remove their bases"),
        ({"value": "logit"}, "no one logit"),
        ({"target": None}, "one must be named"),
        ({"target": "exon"}, "no class 'exon'"),
        ({"target": "donor@x"}, "not a number"),
        ({"target": "donor@15"}, "fewer than the 16 bases"),
    ):
        with pytest.raises(InputError, match=reason) as raised:
            explain(made, **{"target": "donor", **settings})
        assert raised.value.remedy
    assert raised.value.row == 2
    with pytest.raises(InputError, match="4 bins"):
        explain(placed_model(TRACKS, places=BINS), target="cage@4")
    with pytest.raises(InputError, match="no probability"):
        explain(placed_model(TRACKS, places=BINS), target="cage", value="probability")


def test_a_job_leaves_out_sequences_without_the_base(tmp_path: Path) -> None:
    export(*placed_model(("none", "tss")), tmp_path)
    assert check_model(tmp_path).target == "tss"
    facts = check_model(tmp_path, target="tss@15")
    assert (facts.target, facts.place, facts.least_bases) == ("tss@15", 15, 16)
    table = pd.DataFrame({"id": list("abc"), "sequence": SEQUENCES})
    (unfit,) = find_unfit(table, np.full(3, 9), facts.capacity, facts.least_bases)
    assert unfit.position == 1
    assert "needs 16" in unfit.reason


def test_that_any_base_has_a_class_keeps_its_digits() -> None:
    odds = torch.tensor([[-60.0, -50.0], [2.0, 700.0], [-1.0, 1.0]], dtype=torch.float64)
    p = odds[2].sigmoid()
    expected = [np.log(np.exp(-60) + np.exp(-50)), 702.0 + np.log1p(np.exp(-2.0)), 0.0]
    expected[2] = float(((1 - (1 - p).prod()) / (1 - p).prod()).log())
    np.testing.assert_allclose(any_base(odds).numpy(), expected, rtol=1e-12)
    there = torch.tensor([[True, False]] * 3)
    np.testing.assert_allclose(any_base(odds, there).numpy(), odds[:, 0].numpy(), rtol=1e-9)


@pytest.mark.parametrize("target", ["donor", "donor@3"])
def test_values_of_many_sequences_are_those_explained(target: str, tmp_path: Path) -> None:
    made = placed_model(NAMES, "bpe-64")
    values = SequenceValues(export(*made, tmp_path), target=target)
    expected = [one.prediction for one in explain(made, target=target, estimator="permutation")]
    np.testing.assert_allclose(values.log_odds(SEQUENCES), expected, atol=1e-5)


def test_a_kept_job_of_a_bin_has_a_page(tmp_path: Path) -> None:
    model = export(*placed_model(TRACKS, places=BINS), tmp_path / "model")
    found = dnasweep.explain(
        model, SEQUENCES, target="cage@2", estimator="permutation",
        storage=tmp_path / "runs", tracking_uri="none", progress=False,
    )  # fmt: skip
    assert found.report(tmp_path / "again").is_file()
    (page,) = (tmp_path / "runs").rglob("attributions.html")
    assert "Attributions to cage@2" in page.read_text()
