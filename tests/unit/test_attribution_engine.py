"""Explanations of a model that has learnt a planted motif: sign, place, class and sum."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from dnasweep.attribution.attribution import Attribution
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.selftest import self_test
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.errors import InputError
from dnasweep.models.pretrained.checkpoint import export
from explainer_toys import CLASSES, SPECS, Learnt, learnt, value_of_bases
from toys import MOTIF

ESTIMATORS = (
    "adjusted_kernel",
    "permutation",
    "partition",
    "integrated_gradients",
)


def _explain(toy: Learnt, sequences: list[str], **settings: object) -> list[Attribution]:
    config = ExplainConfig(**settings)  # type: ignore[arg-type]
    return Explainer(toy.model, config, tokenizer=toy.tokenizer).explain(sequences)


def _share_on_motif(toy: Learnt, row: int, found: Attribution) -> float:
    bases = value_of_bases(found, len(toy.sequences[row]))
    start = toy.motif_starts[row]
    return float(bases[start : start + len(MOTIF)].sum() / np.abs(bases).sum())


@pytest.mark.parametrize("spec", SPECS)
def test_the_motif_speaks_for_its_class_and_against_the_other(spec: str) -> None:
    toy = learnt(spec)
    rows = np.flatnonzero(toy.labels)[:8]
    sequences = [toy.sequences[row] for row in rows]
    found_for = _explain(toy, sequences)
    found_against = _explain(toy, sequences, target="background")
    shares = []
    for row, positive, negative in zip(rows, found_for, found_against, strict=True):
        assert positive.prediction > 1
        shares.append(_share_on_motif(toy, row, positive))
        assert shares[-1] > 0.3
        assert _share_on_motif(toy, row, negative) == pytest.approx(-shares[-1])
        np.testing.assert_allclose(negative.phi, -positive.phi, atol=1e-9)
    assert np.mean(shares) > 0.45


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_estimator_finds_the_motif_and_is_efficient(estimator: str) -> None:
    toy = learnt("kmer-3")
    rows = np.flatnonzero(toy.labels)[:6]
    shares = []
    for row, found in zip(
        rows, _explain(toy, [toy.sequences[r] for r in rows], estimator=estimator), strict=True
    ):
        shares.append(_share_on_motif(toy, row, found))
        # Processors train the toy a little differently, and one row may fall short.
        assert shares[-1] > 0.3
        rough = estimator == "integrated_gradients"
        assert found.completeness_error < (0.1 if rough else 1e-9) * abs(
            found.prediction - found.base_value
        )
        few = estimator == "permutation"
        assert (np.isnan if few else np.isfinite)(found.standard_error).all()
    assert np.mean(shares) > 0.4


@pytest.mark.parametrize("reference", ["mask", "deletion", "shuffle"])
@pytest.mark.parametrize("value", ["log_odds", "logit", "probability"])
def test_references_and_values_are_efficient(reference: str, value: str) -> None:
    toy = learnt("kmer-3")
    for found in _explain(toy, toy.sequences[:3], reference=reference, value=value):
        assert found.completeness_error < 1e-9
        passes = 4 if reference == "shuffle" else 1
        assert found.num_evals % passes == 0
        assert 150 * passes < found.num_evals <= 250 * passes


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_neither_order_nor_company_nor_batch_changes_a_value(estimator: str) -> None:
    toy = learnt("bpe-64")
    config = ExplainConfig(estimator=estimator)  # type: ignore[arg-type]
    together = Explainer(toy.model, config, tokenizer=toy.tokenizer).explain(toy.sequences[:12])
    single = Explainer(toy.model, config, tokenizer=toy.tokenizer, batch_rows=3)
    for row in (11, 0, 5):
        alone = single.explain([toy.sequences[row]])[0]
        scale = np.abs(together[row].phi).max()
        np.testing.assert_allclose(alone.phi, together[row].phi, atol=1e-4 * scale)
        np.testing.assert_array_equal(alone.token_ids, together[row].token_ids)
        np.testing.assert_array_equal(alone.starts, together[row].starts)


def test_another_seed_draws_other_masks_and_the_same_seed_the_same() -> None:
    toy = learnt("kmer-3")
    first, again, other = (
        _explain(toy, toy.sequences[1:2], seed=seed)[0].phi for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-6


def test_sampling_goes_on_to_the_error_asked_for() -> None:
    toy = learnt("kmer-3")
    rough, fine = (
        _explain(toy, toy.sequences[:4], standard_error=error) for error in (0.05, 0.001)
    )
    exact = _explain(toy, toy.sequences[:4], max_evals=20_000)
    for a, b, c in zip(rough, fine, exact, strict=True):
        assert a.standard_error.mean() <= 0.05
        assert b.standard_error.mean() <= 0.001
        assert a.num_evals < b.num_evals
        assert np.abs(b.phi - c.phi).mean() < 0.003


def test_more_evaluations_come_closer() -> None:
    toy = learnt("char")
    rows = toy.sequences[1:9:2]
    exact = np.stack([f.phi for f in _explain(toy, rows, max_evals=40_000)])
    for estimator in ("adjusted_kernel", "permutation", "partition"):
        errors = []
        for evals in (200, 2000):
            some = _explain(toy, rows, estimator=estimator, max_evals=evals)
            errors.append(np.abs(np.stack([f.phi for f in some]) - exact).mean())
            assert all(f.num_evals <= evals for f in some)
        assert errors[1] < errors[0]


@pytest.mark.parametrize("spec", SPECS)
def test_tokens_carry_their_bases(spec: str) -> None:
    toy = learnt(spec)
    for sequence, found in zip(toy.sequences[:4], _explain(toy, toy.sequences[:4]), strict=True):
        for token, start, end in zip(found.token_ids, found.starts, found.ends, strict=True):
            assert toy.tokenizer.tokens[token].removeprefix("##") == sequence[start:end]
        if "overlap" not in spec:
            assert value_of_bases(found, len(sequence)).sum() == pytest.approx(found.phi.sum())


def test_bases_take_the_mean_of_the_overlapping_tokens_that_cover_them() -> None:
    found = Attribution(
        token_ids=np.array([5, 6]),
        starts=np.array([0, 1]),
        ends=np.array([3, 4]),
        phi=np.array([3.0, 9.0]),
        standard_error=np.zeros(2),
        prediction=12.0,
        base_value=0.0,
        num_evals=2,
    )
    np.testing.assert_allclose(value_of_bases(found, 5), [1, 2, 2, 3, 0])
    assert found.completeness_error == 0


def test_the_self_test_passes_an_honest_model_and_finds_a_swapped_one() -> None:
    toy = learnt("kmer-3")
    for settings in ({}, {"value": "logit"}, {"reference": "shuffle"}, {"estimator": "partition"}):
        config = ExplainConfig(**settings)  # type: ignore[arg-type]
        self_test(Explainer(toy.model, config, tokenizer=toy.tokenizer), toy.sequences[1])
    swapped = copy.deepcopy(toy.model)
    swapped.config.label2id = dict(zip(CLASSES, (1, 0), strict=True))
    with pytest.raises(InputError, match="self-test"):
        self_test(Explainer(swapped, tokenizer=toy.tokenizer), toy.sequences[1])


def test_the_self_test_finds_a_forward_pass_that_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    toy = learnt("kmer-3")
    explainer = Explainer(toy.model, tokenizer=toy.tokenizer)
    real = explainer.model.forward.logits
    monkeypatch.setattr(
        explainer.model.forward, "logits", lambda tables, rows: real(tables, rows).flip(1)
    )
    with pytest.raises(InputError, match="own forward"):
        self_test(explainer, toy.sequences[1])


def test_randomised_weights_lose_the_motif() -> None:
    toy = learnt("kmer-3")
    rows = np.flatnonzero(toy.labels)[:8]
    blind = copy.deepcopy(toy.model)
    torch.manual_seed(0)
    blind.apply(lambda module: getattr(module, "reset_parameters", lambda: None)())
    found = Explainer(blind, tokenizer=toy.tokenizer).explain([toy.sequences[r] for r in rows])
    shares = [_share_on_motif(toy, r, f) for r, f in zip(rows, found, strict=True)]
    assert abs(np.mean(shares)) < 0.3


def test_bf16_is_close_and_only_where_it_holds_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    toy = learnt("kmer-3")
    exact, rounded = (
        _explain(toy, toy.sequences[:3], precision=precision) for precision in ("fp32", "bf16")
    )
    for a, b in zip(exact, rounded, strict=True):
        assert 0 < np.abs(a.phi - b.phi).max() < 0.05 * np.abs(a.phi).max()
    # As on a GPU that has bf16.
    monkeypatch.setattr("dnasweep.attribution.engine.precision_on_device", lambda p, place: "bf16")
    for bound, expected in ((0.5, "bf16"), (1e-6, "fp32")):
        config = ExplainConfig(precision_bound=bound)
        explainer = Explainer(toy.model, config, tokenizer=toy.tokenizer)
        assert explainer.model.precision == expected


def test_works_from_a_directory(tmp_path: object) -> None:
    toy = learnt("wordpiece-64")
    directory = export(toy.model, toy.tokenizer, str(tmp_path))
    found = Explainer(directory).explain(toy.sequences[:2])
    expected = _explain(toy, toy.sequences[:2])
    np.testing.assert_allclose(found[1].phi, expected[1].phi, atol=1e-6)


def test_wrong_wishes_say_what_is_wrong() -> None:
    toy = learnt("kmer-3")

    def explain(sequences: list[str], **settings: object) -> None:
        _explain(toy, sequences, **settings)

    with pytest.raises(InputError, match="no class 'enhancer'"):
        explain(toy.sequences[:1], target="enhancer")
    with pytest.raises(InputError, match="more tokens than the model's"):
        explain([toy.sequences[0], "ACGT" * 100])
    with pytest.raises(InputError, match="no token to explain"):
        explain(["ACGTACGT", ""])
    with pytest.raises(InputError, match="less than one pair"):
        explain(toy.sequences[:1], max_evals=10, estimator="permutation")
    for wrong, word in (
        ({"max_evals": 1}, "max_evals"),
        ({"standard_error": 0.0}, "standard_error"),
        ({"standard_error": 0.1, "estimator": "partition"}, "partition"),
        ({"num_shuffles": 0}, "num_shuffles"),
        ({"estimator": "integrated_gradients", "reference": "deletion"}, "integrated_gradients"),
        ({"estimator": "kernel"}, "Use adjusted_kernel"),
        ({"estimator": "tree_permutation"}, "Use partition"),
        ({"estimator": "gradient_shap"}, "Use integrated_gradients"),
        ({"estimator": "shap"}, "no estimator 'shap'.*adjusted_kernel, permutation"),
    ):
        with pytest.raises(ValueError, match=word):
            replace(ExplainConfig(), **wrong)  # type: ignore[arg-type]


def test_an_empty_list_has_no_explanations() -> None:
    assert _explain(learnt("kmer-3"), []) == []
