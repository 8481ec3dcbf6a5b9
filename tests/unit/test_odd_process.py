"""The Gaussian process over odd interactions, against a list of all of them; and draws of pairs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from dnasweep.attribution import odd_process
from dnasweep.attribution.odd_process import OddProcess, fit_odd_process
from dnasweep.attribution.paired_draws import draw_pairs, kernel_weights
from scipy.optimize import approx_fprime

PLAYERS = 7


def sets() -> list[tuple[int, ...]]:
    """All sets of 1, 3 and 5 tokens."""
    return [s for k in (1, 3, 5) for s in itertools.combinations(range(PLAYERS), k)]


def products(signs: np.ndarray) -> np.ndarray:
    return np.stack([signs[:, list(one)].prod(1) for one in sets()], axis=1)


def fitted(num_pairs: int = 40) -> tuple[OddProcess, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    pairs = draw_pairs(PLAYERS, num_pairs, rng)
    signs = 2.0 * pairs - 1
    outputs = signs[:, 0] + signs[:, 1] * signs[:, 2] * signs[:, 3] + 0.1 * rng.normal(size=40)
    return fit_odd_process(pairs, outputs, 3.0, kernel_weights(pairs)), pairs, outputs


def test_values_are_those_of_a_regression_on_all_sets() -> None:
    process, pairs, outputs = fitted()
    features = products(process.signs)
    prior = np.array(
        [process.shares[len(s) // 2] * np.prod(process.relevance[list(s)]) for s in sets()]
    )
    noise = process.shares[3] * np.append(0, 1 / kernel_weights(pairs))
    covariance = (features * prior) @ features.T
    covariance += np.diag(noise + odd_process.JITTER * (1 + covariance[0, 0]))
    gain = np.linalg.solve(covariance, features * prior).T
    share = np.zeros((PLAYERS, len(prior)))
    for column, one in enumerate(sets()):
        share[list(one), column] = 2 / len(one)
    target = np.append(3.0 / 2, outputs) / process.scale
    phi, error = process.shapley()
    np.testing.assert_allclose(phi, process.scale * share @ gain @ target, atol=1e-4)
    spread = np.diag(share @ (np.diag(prior) - gain @ (features * prior)) @ share.T)
    even = process.shares[3] - noise[1:]
    spread = spread + np.clip((share @ gain)[:, 1:] ** 2 @ even, 0, None)
    ratio = error / (process.scale * np.sqrt(spread))
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)
    asked = draw_pairs(PLAYERS, 10, np.random.default_rng(5))
    expected = products(2.0 * asked - 1) @ gain @ target * process.scale
    np.testing.assert_allclose(process.differences(asked), expected, atol=1e-6)


def test_slopes_are_those_of_the_loss() -> None:
    process, pairs, outputs = fitted()
    data = odd_process._Data(
        process.signs, np.append(1.5, outputs), np.append(0, 1 / kernel_weights(pairs))
    )
    start = np.log(np.append(process.relevance, process.shares))
    at = start + 0.3 * np.random.default_rng(1).normal(size=len(start))
    _, slopes = odd_process._loss(at, start, data)
    numeric = approx_fprime(at, lambda x: odd_process._loss(x, start, data)[0], 1e-6)
    np.testing.assert_allclose(slopes, numeric, rtol=5e-3)


def test_signs_turned_turn_the_values() -> None:
    process, pairs, outputs = fitted()
    other = fit_odd_process(pairs, -outputs, -3.0, kernel_weights(pairs))
    np.testing.assert_allclose(other.shapley()[0], -process.shapley()[0], atol=1e-9)
    assert process.shapley()[0].sum() == pytest.approx(3.0, abs=1e-12)


@pytest.mark.parametrize(
    ("tokens", "number"), [(2, 5), (3, 2), (4, 7), (12, 60), (13, 4000), (50, 499), (700, 30)]
)
def test_pairs_are_different_and_spread_over_sizes(tokens: int, number: int) -> None:
    rng = np.random.default_rng(0)
    pairs = draw_pairs(tokens, number, rng)
    assert len(pairs) == min(number, 2 ** (tokens - 1) - 1 if tokens < 20 else number)
    both = np.concatenate([pairs, ~pairs])
    assert len(np.unique(both, axis=0)) == len(both)
    assert (pairs.sum(1) <= tokens // 2).all()
    assert (pairs.sum(1) > 0).all()
    if tokens == 50:
        counts = np.bincount(pairs.sum(1))[1:]
        assert np.ptp(counts[:-1]) <= 1
        assert counts[-1] == pytest.approx(counts[0] / 2, abs=1)
    more = draw_pairs(tokens, 20, rng, seen=pairs)
    both = np.concatenate([pairs, ~pairs, more, ~more])
    assert len(np.unique(both, axis=0)) == len(both)


def test_least_squares_with_the_weights_gives_shapley_values() -> None:
    pairs = draw_pairs(6, 31, np.random.default_rng(0))
    values = np.random.default_rng(1).normal(size=64)

    def game(masks: np.ndarray) -> np.ndarray:
        return values[masks @ (1 << np.arange(6))]

    expected = np.zeros(6)
    for order in itertools.permutations(range(6)):
        mask = np.zeros(6, bool)
        for token in order:
            before = game(mask[None])[0]
            mask[token] = True
            expected[token] += (game(mask[None])[0] - before) / 720
    root = np.sqrt(kernel_weights(pairs))
    span = game(np.ones((1, 6), bool))[0] - game(np.zeros((1, 6), bool))[0]
    # The constraint as a row that outweighs all others.
    rows = np.concatenate([(pairs - 0.5) * root[:, None], np.full((1, 6), 1e6)])
    target = np.append((game(pairs) - game(~pairs)) / 2 * root, span * 1e6)
    found = np.linalg.lstsq(rows, target, rcond=None)[0]
    np.testing.assert_allclose(found, expected, atol=1e-6)
