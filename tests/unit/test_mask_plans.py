"""Plans against brute force on games small enough to know every coalition."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from dnasweep.attribution.budgets import pairs_within
from dnasweep.attribution.coalitions import EMPTY, FULL, MaskPlan, distinct_rows
from dnasweep.attribution.partition import hierarchy, partition_plan
from dnasweep.attribution.permutation import permutation_plan


class TableGame:
    """A value for every coalition, drawn at random."""

    def __init__(self, num_players: int, seed: int = 0) -> None:
        self.values = np.random.default_rng(seed).normal(size=2**num_players)

    def __call__(self, masks: np.ndarray) -> np.ndarray:
        return self.values[masks @ (1 << np.arange(masks.shape[1]))]


def _shapley(game: TableGame, num_players: int, orders: list[tuple[int, ...]]) -> np.ndarray:
    phi = np.zeros(num_players)
    for order in orders:
        mask = np.zeros(num_players, bool)
        for player in order:
            before = game(mask[None])[0]
            mask[player] = True
            phi[player] += (game(mask[None])[0] - before) / len(orders)
    return phi


def _orders_of_tree(num_players: int) -> list[tuple[int, ...]]:
    tree = hierarchy(num_players)

    def below(node: int) -> list[tuple[int, ...]]:
        if node < tree.num_leaves:
            return [(int(tree.tokens[node]),)]
        left, right = (below(int(child)) for child in tree.children[node - tree.num_leaves])
        pairs = list(itertools.product(left, right))
        return [a + b for a, b in pairs] + [b + a for a, b in pairs]

    return below(tree.root)


def _estimate(plan: MaskPlan, game: TableGame) -> np.ndarray:
    return plan.replicates(game(plan.masks)[None])[0].mean(0)


@pytest.mark.parametrize("num_players", [1, 2, 3, 5, 6])
def test_partition_is_the_mean_over_the_orders_that_keep_groups_together(num_players: int) -> None:
    game = TableGame(num_players)
    expected = _shapley(game, num_players, _orders_of_tree(num_players))
    np.testing.assert_allclose(_estimate(partition_plan(num_players), game), expected, atol=1e-12)


@pytest.mark.parametrize(("num_tokens", "most"), [(50, 1836), (73, 3884), (100, 7340)])
def test_partition_asks_for_each_mask_once(num_tokens: int, most: int) -> None:
    masks = partition_plan(num_tokens).masks
    assert len(masks) == most
    assert len(np.unique(masks, axis=0)) == len(masks)
    assert not masks[EMPTY].any()
    assert masks[FULL].all()


def test_permutations_estimate_the_mean_over_all_orders() -> None:
    game = TableGame(5, seed=3)
    expected = _shapley(game, 5, list(itertools.permutations(range(5))))
    plan = permutation_plan(5, 4000, np.random.default_rng(0))
    found = plan.replicates(game(plan.masks)[None])[0]
    error = found.std(0, ddof=1) / math.sqrt(len(found))
    assert (np.abs(found.mean(0) - expected) < 4 * error + 1e-12).all()


def test_each_pair_is_efficient_and_costs_what_is_said() -> None:
    game = TableGame(8)
    plan = permutation_plan(8, 3, np.random.default_rng(1))
    found = plan.replicates(game(plan.masks)[None])[0]
    span = game(np.ones((1, 8), bool))[0] - game(np.zeros((1, 8), bool))[0]
    np.testing.assert_allclose(found.sum(1), span)
    assert len(plan.masks) <= 2 * 3 * 7 + 2
    assert pairs_within(8, 2 * 3 * 7 + 2) == 3
    assert pairs_within(8, 2 * 3 * 7 + 1) == 2


def test_an_antithetic_pair_is_exact_for_pairwise_interactions() -> None:
    rng = np.random.default_rng(0)
    weights, pairs = rng.normal(size=6), rng.normal(size=(6, 6))
    pairs += pairs.T
    np.fill_diagonal(pairs, 0)

    def game(masks: np.ndarray) -> np.ndarray:
        z = masks.astype(float)
        return z @ weights + 0.5 * ((z @ pairs) * z).sum(1)

    plan = permutation_plan(6, 1, rng)
    found = plan.replicates(game(plan.masks)[None])[0, 0]
    np.testing.assert_allclose(found, weights + 0.5 * pairs.sum(1), atol=1e-12)


def test_distinct_rows_keep_the_order_of_first_appearance() -> None:
    masks = np.array([[1, 0], [0, 1], [1, 0], [0, 0]], bool)
    rows, number = distinct_rows(masks)
    np.testing.assert_array_equal(rows, masks[[0, 1, 3]])
    np.testing.assert_array_equal(number, [0, 1, 0, 2])
