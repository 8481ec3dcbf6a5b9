"""Values adjusted by a Gaussian process, against brute force."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from dnasweep.attribution import adjusted_kernel as module
from dnasweep.attribution.adjusted_kernel import Draws, adjusted_kernel, adjusted_values
from dnasweep.attribution.block import Block, Estimates
from dnasweep.attribution.intervals import NORMAL
from dnasweep.attribution.paired_draws import draw_pairs
from dnasweep.attribution.settings import ExplainConfig
from scipy.special import comb

Game = Callable[[np.ndarray], np.ndarray]


def shapley(game: Game, players: int) -> np.ndarray:
    """From all coalitions, by definition."""
    masks = np.array(list(itertools.product([False, True], repeat=players)))
    values = game(masks)
    others = masks.sum(1)[:, None] - masks
    weights = np.where(masks, 1, -1) / (players * comb(players - 1, others))
    return values @ weights


def saturating(players: int, seed: int = 0) -> Game:
    """A few tokens that each nearly suffice, as a motif does, and many that hardly count."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(scale=0.1, size=players)
    weights[rng.choice(players, 3, replace=False)] = 1.5, 1.2, -1.0
    return lambda masks: 5.6 * np.tanh(-1.0 + masks @ weights) + 0.2


def table(players: int, seed: int = 0) -> Game:
    """A value for every coalition, drawn at random: no interaction is smaller than others."""
    values = np.random.default_rng(seed).normal(size=2**players)
    return lambda masks: values[masks @ (1 << np.arange(players))]


def drawn(game: Game, players: int, evaluations: int, seed: int = 0) -> Draws:
    pairs = draw_pairs(players, (evaluations - 2) // 2, np.random.default_rng(seed))
    ends = np.array([[False] * players, [True] * players])
    return Draws(pairs, np.stack([game(pairs), game(~pairs)], 1), game(ends))


class Sequences:
    """Games with the interface of a block of sequences."""

    cost = 1
    values_of_each = Block.values_of_each

    def __init__(self, games: list[Game], players: int) -> None:
        self.games, self.num_tokens, self.num_sequences = games, players, len(games)
        self.asked: list[list[bytes]] = [[] for _ in games]

    def values(self, sequences: np.ndarray, masks: np.ndarray) -> np.ndarray:
        assert len(masks), "a model has no output for no row"
        for i, mask in zip(sequences, masks, strict=True):
            self.asked[i].append(mask.tobytes())
        return np.array(
            [self.games[i](mask[None])[0] for i, mask in zip(sequences, masks, strict=True)]
        )


def explain(block: Sequences, **settings: Any) -> Estimates:
    generators = [np.random.default_rng(i) for i in range(block.num_sequences)]
    there: Any = block
    return adjusted_kernel(there, ExplainConfig(**settings), generators)


@pytest.mark.parametrize("game", [saturating(10), table(10)])
def test_ever_more_draws_give_the_shapley_values(
    game: Game, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_PAIRS", 100)
    expected = shapley(game, 10)
    missed, said = [], []
    for evaluations in (300, 700, 1022):
        draws = drawn(game, 10, evaluations)
        phi, error = adjusted_values(draws)
        assert phi.sum() == pytest.approx(draws.ends[1] - draws.ends[0], abs=1e-9)
        missed.append(np.sqrt(np.mean((phi - expected) ** 2)))
        said.append(error.mean())
        assert missed[-1] < 2 * said[-1]
    assert said[0] > said[1] > said[2]
    assert missed[2] < missed[0]


def test_a_linear_and_a_constant_game_are_explained() -> None:
    weights = np.random.default_rng(0).normal(size=12)
    phi, _ = adjusted_values(drawn(lambda masks: masks @ weights + 3.0, 12, 200))
    np.testing.assert_allclose(phi, weights, atol=0.01)
    phi, error = adjusted_values(drawn(lambda masks: np.full(len(masks), 3.0), 12, 200))
    assert not phi.any()
    assert not error.any()


def test_interactions_are_found_where_least_squares_has_them_as_noise() -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        signs = 2.0 * masks - 1
        return signs[:, 3] + 2 * signs[:, 10] * signs[:, 11] * signs[:, 12]

    expected = np.zeros(40)
    expected[3], expected[10:13] = 2.0, 4 / 3
    phi, error = adjusted_values(drawn(game, 40, 400))
    np.testing.assert_allclose(phi, expected, atol=0.1)
    assert (np.abs(phi - expected) < 4 * error + 0.01).all()


@pytest.mark.parametrize(("players", "evaluations"), [(10, 60), (12, 120), (12, 250)])
def test_intervals_cover_the_truth(players: int, evaluations: int) -> None:
    inside, standardised = [], []
    for seed in range(12):
        smooth, rough = saturating(players, seed), table(players, seed)

        def game(masks: np.ndarray, smooth: Game = smooth, rough: Game = rough) -> np.ndarray:
            return smooth(masks) + 0.2 * rough(masks)

        phi, error = adjusted_values(drawn(game, players, evaluations, seed))
        away = (phi - shapley(game, players)) / error
        inside.append(np.abs(away) < NORMAL)
        standardised.append(away)
    assert np.mean(inside) >= 0.9
    assert 0.6 < np.std(standardised) < 1.2
    assert abs(np.mean(standardised)) < 0.15


@pytest.mark.parametrize(
    ("players", "evaluations"), [(3, 5), (9, 250), (30, 4), (75, 100), (75, 101), (20, 2300)]
)
def test_what_is_granted_is_used_and_nothing_is_asked_twice(
    players: int, evaluations: int
) -> None:
    block = Sequences([saturating(players), saturating(players, 1)], players)
    found = explain(block, max_evals=evaluations)
    granted = evaluations if evaluations <= 3 * players else evaluations // 2 * 2
    assert (found.num_evals == min(granted, 2**players)).all()
    for asked, said in zip(block.asked, found.num_evals, strict=True):
        assert len(asked) == len(set(asked)) == said
    np.testing.assert_allclose(found.phi.sum(1), found.prediction - found.base_value, atol=1e-9)
    known = evaluations >= 22
    assert np.isfinite(found.standard_error).all() == known
    assert not known or (found.standard_error > 0).all()


def test_values_are_the_same_in_any_company() -> None:
    games = [saturating(20, seed) for seed in range(3)]
    together = explain(Sequences(games, 20), max_evals=100)
    again = explain(Sequences(games[:1], 20), max_evals=100)
    np.testing.assert_array_equal(together.phi[0], again.phi[0])
    np.testing.assert_array_equal(together.standard_error[0], again.standard_error[0])


def test_drawing_goes_on_until_the_error_asked_for() -> None:
    block = Sequences([saturating(18), table(18)], 18)
    first = explain(block, max_evals=250).standard_error.mean(1)
    wanted = float(first[1]) / 2
    assert first[0] < wanted
    block = Sequences(block.games, 18)
    found = explain(block, standard_error=wanted)
    assert (found.standard_error.mean(1) <= wanted).all()
    assert found.num_evals[0] == 250
    assert found.num_evals[1] > 250
    for asked, said in zip(block.asked, found.num_evals, strict=True):
        assert len(asked) == len(set(asked)) == said


def test_one_evaluation_more_than_usual_buys_no_pair() -> None:
    found = explain(Sequences([table(18)], 18), standard_error=1e-9, max_evals=251)
    assert found.num_evals.tolist() == [250]


def test_where_all_coalitions_would_soon_be_drawn_they_are() -> None:
    games = [table(11), lambda masks: 3.0 * masks[:, 0]]
    found = explain(Sequences(games, 11), standard_error=1e-3)
    assert found.num_evals[0] == 2**11
    np.testing.assert_allclose(found.phi[0], shapley(games[0], 11), atol=1e-9)
    assert not found.standard_error[0].any()
