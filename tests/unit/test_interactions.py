"""Interactions of tokens: exact ones by their definition, estimates by exact ones."""

from __future__ import annotations

import itertools
from math import comb
from pathlib import Path

import dnasweep
import numpy as np
import pytest
from dnasweep.attribution.coalitions import all_masks
from dnasweep.attribution.engine import Explainer
from dnasweep.attribution.even_process import _loss, fit_even_process
from dnasweep.attribution.interactions import exact_interactions
from dnasweep.attribution.paired_draws import draw_pairs
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.errors import InputError
from scipy.optimize import check_grad
from shap_toys import write_model
from toys import toy_sequences

Floats = np.ndarray
TOKENS = 9


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


class Game:
    """Random sets of 1 to 5 tokens with a coefficient each."""

    def __init__(self, rng: np.random.Generator, tokens: int = TOKENS) -> None:
        sizes = rng.choice([1, 2, 2, 3, 3, 4, 5], 25)
        self.sets = [rng.choice(tokens, size, replace=False) for size in sizes]
        self.coefficients = rng.normal(size=25)

    def __call__(self, masks: Floats) -> Floats:
        parts = zip(self.sets, self.coefficients, strict=True)
        return sum(c * masks[:, chosen].all(1) for chosen, c in parts)


def by_definition(value: dict[frozenset[int], float], tokens: int) -> Floats:
    """The index of every pair, by Grabisch and Roubens, coalition by coalition."""
    found = np.zeros((tokens, tokens))
    for i, j in itertools.combinations(range(tokens), 2):
        others = [k for k in range(tokens) if k not in (i, j)]
        for size in range(tokens - 1):
            for chosen in itertools.combinations(others, size):
                s = frozenset(chosen)
                change = value[s | {i, j}] - value[s | {i}] - value[s | {j}] + value[s]
                found[i, j] += change / ((tokens - 1) * comb(tokens - 2, size))
        found[j, i] = found[i, j]
    return found


def test_exact_interactions_are_those_of_the_definition() -> None:
    tokens = 6
    game = Game(np.random.default_rng(1), tokens)
    masks = all_masks(tokens)
    outputs = game(masks)
    value = {
        frozenset(np.flatnonzero(mask).tolist()): float(output)
        for mask, output in zip(masks, outputs, strict=True)
    }
    np.testing.assert_allclose(
        exact_interactions(outputs), by_definition(value, tokens), atol=1e-12
    )


def test_a_set_shares_its_interaction() -> None:
    # Of a set of m tokens that must all be there, each pair has 1 / (m - 1).
    for size in (2, 3, 4):
        outputs = all_masks(5)[:, :size].all(1).astype(float)
        found = exact_interactions(outputs)
        np.testing.assert_allclose(
            found[:size, :size], (1 - np.eye(size)) / (size - 1), atol=1e-12
        )
        assert np.abs(found[size:]).max(initial=0) < 1e-12


def test_slopes_of_the_process() -> None:
    rng = np.random.default_rng(2)
    game = Game(rng)
    pairs = draw_pairs(TOKENS, 40, rng)
    signs = np.concatenate([np.ones((1, TOKENS)), 2.0 * pairs - 1])
    values = np.append(0.3, game(pairs) + game(~pairs))
    start = np.log(np.append(np.full(TOKENS, 1 / TOKENS), (0.5, 0.7, 0.2, 0.1)))
    place = start + rng.normal(0, 0.3, len(start))
    wrong = check_grad(
        lambda x: _loss(x, start, signs, values)[0],
        lambda x: _loss(x, start, signs, values)[1],
        place,
    )
    assert wrong < 1e-3


def test_estimates_and_their_errors() -> None:
    rng = np.random.default_rng(0)
    upper = np.triu_indices(TOKENS, 1)
    masks = all_masks(TOKENS)
    missed, inside, exactly = [], [], []
    for _ in range(12):
        game = Game(rng)
        truth = exact_interactions(game(masks))[upper]
        ends = float(game(masks[[0, -1]]).mean())
        for number in (60, 2 ** (TOKENS - 1) - 1):
            pairs = draw_pairs(TOKENS, number, rng)
            process = fit_even_process(pairs, (game(pairs) + game(~pairs)) / 2, ends)
            found = process.interactions()
            np.testing.assert_allclose(found, found.T)
            error = np.abs(found[upper] - truth)
            if number == 60:
                missed.append((error**2).mean() / (truth**2).mean())
                inside.append((error < 1.96 * process.errors(*upper)).mean())
            else:
                exactly.append(error.max())
    assert np.median(missed) < 0.1
    assert 0.85 < np.mean(inside) < 0.99
    # All coalitions of a game whose sets of even size have 4 tokens at most.
    assert np.max(exactly) < 1e-3


def test_interactions_of_a_model(model: Path) -> None:
    config = ExplainConfig(interactions=1000, target="promoter")
    sequence = toy_sequences(1, window=30)[0]
    (one,) = Explainer(model, config).explain([sequence])
    tokens = len(one.phi)
    assert tokens <= 12
    pairs = one.interactions
    assert pairs is not None
    assert len(pairs.value) == tokens * (tokens - 1) // 2
    assert (np.diff(np.abs(pairs.value)) <= 0).all()
    assert (pairs.standard_error == 0).all()
    value = dict(
        zip(
            [frozenset(np.flatnonzero(mask).tolist()) for mask in all_masks(tokens)],
            Explainer(model, config).values([sequence], [all_masks(tokens)])[0],
            strict=True,
        )
    )
    truth = by_definition(value, tokens)
    np.testing.assert_allclose(pairs.value, truth[pairs.first, pairs.second], atol=1e-5)
    # Main effects and interactions add up to the output less that without any token.
    half = np.zeros(tokens)
    np.add.at(half, pairs.first, pairs.value / 2)
    np.add.at(half, pairs.second, pairs.value / 2)
    total = (one.phi - half).sum() + pairs.value.sum()
    assert abs(total - (one.prediction - one.base_value)) < 1e-4


def test_they_are_the_same_beside_any_others(model: Path) -> None:
    sequences = toy_sequences(3, window=54)
    together = dnasweep.explain(model, sequences, interactions=7, progress=False)
    alone = dnasweep.explain(model, sequences[1:2], interactions=7, progress=False)
    table = together.interactions
    assert table.groupby("id").size().tolist() == [7, 7, 7]
    own = together[1:2].interactions
    np.testing.assert_allclose(own["interaction"], alone.interactions["interaction"], atol=1e-5)
    assert (own["standard_error"] > 0).all()
    assert own["first_end"].sub(own["first_start"]).eq(3).all()
    assert (own["first_index"] < own["second_index"]).all()
    with pytest.raises(InputError, match="interactions=50"):
        _ = dnasweep.explain(model, sequences[:1], progress=False).interactions


def test_they_are_beside_shapley_values_alone() -> None:
    with pytest.raises(ValueError, match="interactions are beside Shapley values"):
        ExplainConfig(interactions=5, estimator="lime")
    assert "interactions" not in ExplainConfig().to_settings()
