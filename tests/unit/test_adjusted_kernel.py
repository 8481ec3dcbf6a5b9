"""Values adjusted by a saturating model, against brute force and against plain KernelSHAP."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from dnasweep.attribution.adjusted_kernel import KernelPlan, adjusted_values, joined, kernel_plan
from dnasweep.attribution.coalitions import EMPTY, FULL
from dnasweep.attribution.surrogate import Saturating, fit_saturating

Game = Callable[[np.ndarray], np.ndarray]


def every_mask(players: int) -> np.ndarray:
    return np.array(list(itertools.product([False, True], repeat=players)))


def shapley(game: Game, players: int) -> np.ndarray:
    """By all permutations."""
    orders = np.array(list(itertools.permutations(range(players))))
    ranks = orders.argsort(1)
    masks = ranks[:, None, :] < np.arange(players + 1)[:, None]
    steps = np.diff(game(masks.reshape(-1, players)).reshape(len(orders), -1), axis=1)
    return np.take_along_axis(steps, ranks, 1).mean(0)


def saturating(players: int, seed: int = 0) -> Game:
    """A few tokens that each nearly suffice, as a motif does, and many that hardly count."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(scale=0.1, size=players)
    weights[rng.choice(players, 3, replace=False)] = 1.5, 1.2, -1.0
    return lambda masks: 5.6 * np.tanh(-1.0 + masks @ weights) + 0.2


def table(players: int, seed: int = 0) -> Game:
    """A value for every coalition, drawn at random: as far from saturating as can be."""
    values = np.random.default_rng(seed).normal(size=2**players)
    return lambda masks: values[masks @ (1 << np.arange(players))]


def adjusted(game: Game, plan: KernelPlan) -> tuple[np.ndarray, np.ndarray]:
    phi, error = adjusted_values([plan], [game(plan.masks)])
    return phi[0], error[0]


def test_the_surrogate_is_the_game_where_the_game_saturates() -> None:
    game, masks = saturating(7), every_mask(7)
    surrogate = fit_saturating(masks[None], game(masks)[None])
    np.testing.assert_allclose(surrogate.values(0, masks), game(masks), atol=0.05)
    expected = shapley(lambda asked: surrogate.values(0, asked), 7)
    np.testing.assert_allclose(surrogate.shapley()[0], expected, atol=1e-6)


@pytest.mark.parametrize("players", [1, 2, 5, 8])
@pytest.mark.parametrize("scale", [0.01, 1.0, 10.0])
def test_values_of_the_surrogate_are_exact(players: int, scale: float) -> None:
    rng = np.random.default_rng(players)
    one = Saturating(
        np.array([1.0]), np.array([5.0]), rng.normal(size=1), scale * rng.normal(size=(1, players))
    )
    expected = shapley(lambda masks: one.values(0, masks), players)
    np.testing.assert_allclose(one.shapley()[0], expected, atol=1e-5)


def test_the_surrogate_fits_what_is_additive_and_what_is_constant() -> None:
    masks = every_mask(6)
    weights = np.random.default_rng(0).normal(size=6)
    outputs = np.stack([masks @ weights + 1.0, np.full(len(masks), 3.0)])
    surrogate = fit_saturating(np.stack([masks, masks]), outputs)
    np.testing.assert_allclose(surrogate.values(0, masks), outputs[0], atol=0.1)
    np.testing.assert_allclose(surrogate.values(1, masks), 3.0, atol=1e-6)


def test_the_fit_of_a_sequence_does_not_depend_on_its_company() -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((3, 60, 12)) < 0.5
    outputs = np.stack([saturating(12, seed)(m) for seed, m in enumerate(masks)])
    together, alone = fit_saturating(masks, outputs), fit_saturating(masks[1:2], outputs[1:2])
    np.testing.assert_allclose(together.weights[1], alone.weights[0], rtol=1e-9)


@pytest.mark.parametrize("game", [saturating(5), table(5)])
def test_many_draws_give_the_shapley_values(game: Game) -> None:
    plan = kernel_plan(5, 100_000, np.random.default_rng(0))
    phi, error = adjusted(game, plan)
    np.testing.assert_allclose(phi, shapley(game, 5), atol=0.02)
    ends = game(plan.masks[[EMPTY, FULL]])
    assert phi.sum() == pytest.approx(ends[1] - ends[0], abs=1e-9)
    assert (error < 0.02).all()


def test_a_linear_game_is_explained_exactly() -> None:
    weights = np.random.default_rng(0).normal(size=12)
    phi, _ = adjusted(
        lambda masks: masks @ weights + 3.0, kernel_plan(12, 200, np.random.default_rng(1))
    )
    np.testing.assert_allclose(phi, weights, atol=0.01)


def test_what_saturates_needs_far_fewer_draws_than_kernel_shap() -> None:
    game = saturating(50)
    truth = adjusted(game, kernel_plan(50, 40_000, np.random.default_rng(99)))[0]
    plain, better = [], []
    for seed in range(5):
        plan = kernel_plan(50, 250, np.random.default_rng(seed))
        assert len(plan.masks) <= 250
        plain.append(plan.solve(game(plan.masks))[0] - truth)
        better.append(adjusted(game, plan)[0] - truth)
    assert np.square(better).mean() < 0.05 * np.square(plain).mean()


def test_the_error_said_is_that_of_repeated_draws() -> None:
    smooth, rough = saturating(20), table(20, seed=2)

    def game(masks: np.ndarray) -> np.ndarray:
        return smooth(masks) + 0.2 * rough(masks)

    draws = [kernel_plan(20, 120, np.random.default_rng(seed)) for seed in range(60)]
    found = [adjusted(game, plan) for plan in draws]
    spread = np.std([phi for phi, _ in found], axis=0)
    said = np.mean([error for _, error in found], axis=0)
    assert 0.5 < (said / spread).mean() < 2


def test_joined_plans_keep_every_draw_and_ask_for_no_mask_twice() -> None:
    game = saturating(9)
    first, second = (kernel_plan(9, 60, np.random.default_rng(seed)) for seed in (0, 1))
    plan, outputs = joined(first, game(first.masks), second, game(second.masks))
    assert len(plan.rows) == len(first.rows) + len(second.rows)
    assert len(np.unique(plan.masks, axis=0)) == len(plan.masks)
    np.testing.assert_array_equal(outputs, game(plan.masks))
    np.testing.assert_array_equal(plan.masks[plan.rows[-1]], second.masks[second.rows[-1]])
    np.testing.assert_array_equal(plan.masks[[EMPTY, FULL]], first.masks[[EMPTY, FULL]])
