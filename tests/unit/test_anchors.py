"""Anchors against their definition: bounds, toy games of known precision, coverage by enumeration."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from dnasweep.attribution.anchor_search import find_anchor
from dnasweep.attribution.attribution import Anchor
from dnasweep.attribution.bounds import (
    exploration_level,
    kl_bernoulli,
    look_level,
    lower_bound,
    upper_bound,
)
from dnasweep.attribution.settings import AnchorConfig
from scipy.stats import binom

Game = Callable[[np.ndarray], np.ndarray]
TOKENS = 12


def search(game: Game, *, num_tokens: int = TOKENS, seed: int = 0, **settings: object) -> Anchor:
    steps = find_anchor(num_tokens, np.random.default_rng(seed), AnchorConfig(**settings))  # type: ignore[arg-type]
    masks = next(steps)
    while True:
        try:
            masks = steps.send(game(masks))
        except StopIteration as end:
            return end.value


def every_mask(num_tokens: int = TOKENS) -> np.ndarray:
    return np.array(list(itertools.product([False, True], repeat=num_tokens)))


def exact_precision(game: Game, tokens: tuple[int, ...], num_tokens: int = TOKENS) -> float:
    masks = every_mask(num_tokens)
    return float(game(masks[masks[:, list(tokens)].all(1)]).mean())


def test_divergence_of_coins() -> None:
    # 0.5 ln(0.5 / 0.25) + 0.5 ln(0.5 / 0.75) = 0.5 ln(4 / 3)
    assert kl_bernoulli(np.array(0.5), np.array(0.25)) == pytest.approx(0.5 * math.log(4 / 3))
    assert kl_bernoulli(np.array(0.0), np.array(0.3)) == pytest.approx(-math.log(0.7))
    assert kl_bernoulli(np.array(0.3), np.array(0.0)) == np.inf
    assert kl_bernoulli(np.array(0.3), np.array(0.3)) == 0


def test_bounds_have_the_divergence_asked_for() -> None:
    mean, level = np.array([0.1, 0.5, 0.95, 0.0, 1.0]), np.array(0.02)
    high, low = upper_bound(mean, level), lower_bound(mean, level)
    np.testing.assert_allclose(kl_bernoulli(mean[:4], high[:4]), 0.02, rtol=1e-6)
    np.testing.assert_allclose(
        kl_bernoulli(mean[[0, 1, 2, 4]], low[[0, 1, 2, 4]]), 0.02, rtol=1e-6
    )
    assert high[4] == 1
    assert low[3] == 0
    # Where all draws agree the bound is known in closed form: ln(1 / q) = level.
    assert low[4] == pytest.approx(math.exp(-0.02))
    assert high[3] == pytest.approx(1 - math.exp(-0.02))
    assert (upper_bound(mean, np.array(1.0)) >= high).all()


def test_bounds_miss_as_seldom_as_they_say() -> None:
    """Summed over all outcomes of 40 draws: the bound lies above the truth in at most delta."""
    delta, num = 0.1, 40
    counts = np.arange(num + 1)
    low = lower_bound(counts / num, np.full(num + 1, math.log(1 / delta) / num))
    for truth in (0.3, 0.6, 0.9, 0.97):
        missed = binom.pmf(counts[low > truth], num, truth).sum()
        assert missed <= delta


def test_levels() -> None:
    rate = math.log(405.5 * 70 * 3**1.1 / 0.05)
    assert exploration_level(70, 3, 0.05) == pytest.approx(rate + math.log(rate))
    shares = [math.exp(-look_level(look, 0.05)) for look in range(1, 10_000)]
    assert sum(shares) == pytest.approx(0.05, rel=1e-3)


def test_two_tokens_that_are_needed_are_the_anchor() -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return masks[:, 3] & masks[:, 8]

    found = search(game)
    assert found.found
    assert set(found.tokens) == {3, 8}
    assert found.precision == 1
    assert found.lower >= 0.95
    assert found.coverage == 0.25
    # From 1/4 without any token by 1/2 with one to 1 with both.
    np.testing.assert_allclose(found.gains, [0.25, 0.5], atol=0.1)


def test_any_of_two_tokens_is_one_token_and_not_both() -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return masks[:, 3] | masks[:, 8]

    found = search(game)
    assert found.found
    assert found.tokens in ((3,), (8,)), "the smaller anchor covers more"
    assert found.coverage == 0.5


def test_a_call_that_nothing_changes_needs_no_token() -> None:
    found = search(lambda masks: np.ones(len(masks), bool))
    assert found.found
    assert found.tokens == ()
    assert found.gains == ()
    assert found.coverage == 1
    assert found.num_draws < 1000


def test_coverage_and_precision_are_those_of_enumeration() -> None:
    rng = np.random.default_rng(1)
    weight = np.where(np.arange(TOKENS) < 3, 2.0, 0.3) * rng.choice([1, 1, 1, -1], TOKENS)
    weight[:3] = 2.0

    def game(masks: np.ndarray) -> np.ndarray:
        return masks @ weight > 3.5

    found = search(game, threshold=0.9)
    assert found.found
    truth = exact_precision(game, found.tokens)
    assert truth >= 0.9
    assert found.lower <= truth <= found.upper
    masks = every_mask()
    assert found.coverage == masks[:, list(found.tokens)].all(1).mean()
    smaller = [
        tokens
        for size in range(len(found.tokens))
        for tokens in itertools.combinations(range(TOKENS), size)
        if exact_precision(game, tokens) > 0.93
    ]
    assert not smaller, "no smaller set is clearly precise enough"


def test_what_is_declared_found_is_precise_enough() -> None:
    """The best of many sets just below the threshold must not be flattered into an anchor."""

    def noisy(seed: int) -> Game:
        rng = np.random.default_rng(seed)
        return lambda masks: rng.random(len(masks)) < 0.92

    found = [search(noisy(seed), seed=seed, max_draws=3_000, max_tokens=3) for seed in range(30)]
    assert sum(one.found for one in found) <= 2
    covered = [one.lower <= 0.92 <= one.upper for one in found]
    assert np.mean(covered) >= 0.9


def test_without_an_anchor_the_best_set_is_given_as_not_found() -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return masks.sum(1) >= TOKENS - 1

    found = search(game, max_tokens=3, max_draws=4_000)
    assert not found.found
    assert found.lower < 0.95
    assert found.precision <= 0.3


@pytest.mark.parametrize("most", [3, 10, 300, 1_000, 3_000])
def test_no_more_is_drawn_than_allowed(most: int) -> None:
    def game(masks: np.ndarray) -> np.ndarray:
        return masks[:, :6].sum(1) >= 5

    found = search(game, max_draws=most, max_tokens=6)
    assert 1 <= found.num_draws <= most
    assert 0 <= found.lower <= found.precision <= found.upper <= 1
    if most < 300:
        assert not found.found


def test_the_same_seed_finds_the_same_and_draws_are_counted() -> None:
    asked = []

    def game(masks: np.ndarray) -> np.ndarray:
        asked.append(len(masks))
        return masks[:, 1] & (masks[:, 4] | masks[:, 5])

    first = search(game)
    assert first.num_draws == sum(asked)
    assert search(game) == first
    assert first.tokens[0] == 1


def test_every_draw_keeps_what_it_is_given() -> None:
    """Draws made for one set serve its supersets: all that count must be fair draws of the set."""

    def game(masks: np.ndarray) -> np.ndarray:
        return masks[:, 0] & masks[:, 1] & masks[:, 2] & (masks[:, 3] | masks[:, 4])

    found = search(game)
    assert found.found
    assert set(found.tokens) > {0, 1, 2}
    steps = [exact_precision(game, found.tokens[:size]) for size in range(5)]
    np.testing.assert_allclose(found.gains, np.diff(steps), atol=0.12)


@pytest.mark.parametrize(
    "wrong", [{"threshold": 1.0}, {"delta": 0.0}, {"beam": 0}, {"keep": 1.5}, {"max_draws": 0}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AnchorConfig(**wrong)
