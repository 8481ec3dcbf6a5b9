"""Standard errors of attributions against the truth: what is said is what repeated draws do."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from dnasweep.attribution.budgets import points_within
from dnasweep.attribution.coalitions import all_fit
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.intervals import NORMAL, widening
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.errors import InputError
from scipy import stats
from shap_toys import write_model, write_sequences


def explainer(model: Path, **settings: object) -> Explainer:
    return Explainer(model, ExplainConfig(**settings), device="cpu")  # type: ignore[arg-type]


def by_definition(made: Explainer, sequence: str) -> np.ndarray:
    """Return the Shapley values of a sequence: the mean over all coalitions without a token."""
    tokens = len(made.tokenizer.encode([sequence]).ids) - 2
    masks = np.array(list(itertools.product([False, True], repeat=tokens)))
    (values,) = made.values([sequence], [masks])
    known = dict(zip(map(bytes, masks), values, strict=True))
    phi = np.zeros(tokens)
    for token in range(tokens):
        by_size: dict[int, list[float]] = {}
        for mask in masks[~masks[:, token]]:
            there = mask.copy()
            there[token] = True
            by_size.setdefault(int(mask.sum()), []).append(
                known[bytes(there)] - known[bytes(mask)]
            )
        phi[token] = np.mean([np.mean(added) for added in by_size.values()])
    return phi


@pytest.fixture(scope="module")
def long_words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"), spec="kmer-6")


@pytest.fixture(scope="module")
def short_words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"), spec="kmer-3")


def test_few_tokens_are_explained_exactly_by_default(long_words: Path, tmp_path: Path) -> None:
    sequences = [s[:48] for s in write_sequences(tmp_path / "x.csv", 2)]
    made = explainer(long_words)
    for found, sequence in zip(made.explain(sequences), sequences, strict=True):
        assert len(found.phi) == 8
        np.testing.assert_allclose(found.phi, by_definition(made, sequence), atol=1e-6)
        assert found.num_evals == 2**8
        assert not found.standard_error.any()
        assert found.completeness_error < 1e-9


@pytest.mark.parametrize("estimator", ["adjusted_kernel", "permutation"])
def test_a_budget_for_all_coalitions_is_exact(
    estimator: str, long_words: Path, tmp_path: Path
) -> None:
    sequence = write_sequences(tmp_path / "x.csv", 1)[0][:36]
    found = explainer(long_words, estimator=estimator, max_evals=64).explain([sequence])[0]
    np.testing.assert_allclose(
        found.phi, by_definition(explainer(long_words), sequence), atol=1e-6
    )
    assert found.num_evals == 64
    assert not found.standard_error.any()
    drawn = explainer(long_words, estimator=estimator, max_evals=63).explain([sequence])[0]
    assert drawn.num_evals < 64
    assert drawn.completeness_error < 1e-9


def test_two_pairs_say_nothing_of_how_sure_they_are(short_words: Path, tmp_path: Path) -> None:
    sequences = write_sequences(tmp_path / "x.csv", 2)
    for found in explainer(short_words, estimator="permutation").explain(sequences):
        assert np.isnan(found.standard_error).all()
    made = explainer(short_words, estimator="permutation", standard_error=0.5)
    for found in made.explain(sequences):
        assert found.standard_error.mean() <= 0.5


@pytest.mark.parametrize(
    ("estimator", "settings"),
    [
        ("adjusted_kernel", {}),
        ("adjusted_kernel", {"max_evals": 120}),
        ("permutation", {"max_evals": 400}),
        ("adjusted_kernel", {"standard_error": 0.02}),
    ],
)
def test_intervals_cover_the_values_of_a_model(
    estimator: str, settings: dict, short_words: Path, tmp_path: Path
) -> None:
    sequences = [s[:36] for s in write_sequences(tmp_path / "x.csv", 6)]
    truth = np.stack(
        [one.phi for one in explainer(short_words, max_evals=2**12).explain(sequences)]
    )
    wanted = settings
    if "standard_error" in settings:
        wanted = {
            "standard_error": settings["standard_error"] * float(np.abs(truth).max(1).mean())
        }
    inside, said = [], []
    for seed in range(8):
        made = explainer(short_words, estimator=estimator, seed=seed, **wanted)
        found = made.explain(sequences)
        error = np.stack([one.standard_error for one in found])
        missed = np.stack([one.phi for one in found]) - truth
        inside.append((np.abs(missed) <= NORMAL * error).mean())
        said.append([np.square(missed).mean(), np.square(error).mean()])
    assert 0.92 <= np.mean(inside) <= 1
    true_error, said_error = np.sqrt(np.mean(said, axis=0))
    assert 0.4 < true_error / said_error < 1.15


def test_no_sequence_costs_more_than_a_longer_one_by_default(
    long_words: Path, tmp_path: Path
) -> None:
    sequences = [s[:60] for s in write_sequences(tmp_path / "x.csv", 1)]
    for bases in (48, 54, 60):
        found = explainer(long_words).explain([sequences[0][:bases]])[0]
        assert found.num_evals <= 2**8
        assert found.standard_error.any() == (bases > 48)
    found = explainer(long_words, standard_error=1e-3).explain(sequences)[0]
    assert found.num_evals == 2 ** len(found.phi) > 2**8
    assert not found.standard_error.any()


@pytest.mark.parametrize(("evals", "known"), [(20, False), (22, True)])
def test_too_few_draws_say_nothing_of_how_sure_they_are(
    evals: int, known: bool, short_words: Path, tmp_path: Path
) -> None:
    sequence = write_sequences(tmp_path / "x.csv", 1)[0][:36]
    found = explainer(short_words, max_evals=evals).explain([sequence])[0]
    assert found.completeness_error < 1e-9
    assert np.isfinite(found.standard_error).all() == known


def test_intervals_are_students() -> None:
    np.testing.assert_allclose(
        NORMAL * widening(np.array([1.0, 9.0, 1e9])), stats.t.ppf(0.975, [1, 9, 1e9])
    )
    assert np.isnan(widening(0.0))


def test_what_does_not_fit_is_drawn() -> None:
    assert all_fit(10, 1024)
    assert not all_fit(10, 1023)
    assert not all_fit(17, 10**9)


def test_a_path_of_less_than_two_points_is_refused() -> None:
    assert points_within(1, 8) == 2
    with pytest.raises(InputError, match="Give --max-evals 8 or more"):
        points_within(1, 7)
    assert points_within(4, 26) == 2
