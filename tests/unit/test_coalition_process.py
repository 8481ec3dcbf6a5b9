"""The Gaussian process over all interactions, against a list of them, and its use where evaluations are few."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from dnasweep.attribution import coalition_process
from dnasweep.attribution.adjusted_kernel import adjusted_kernel
from dnasweep.attribution.coalition_process import CoalitionProcess, fit_coalition_process
from dnasweep.attribution.paired_draws import draw_pairs
from dnasweep.attribution.settings import ExplainConfig
from scipy.optimize import approx_fprime

PLAYERS, NUM = 7, 40
ENDS = np.array([-0.5, 2.5])


def sets() -> list[tuple[int, ...]]:
    """All sets of 0 to 4 tokens."""
    return [s for k in range(5) for s in itertools.combinations(range(PLAYERS), k)]


def fitted() -> tuple[CoalitionProcess, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    coalitions = draw_pairs(PLAYERS, NUM, rng)
    coalitions[1::2] ^= True
    signs = 2.0 * coalitions - 1
    outputs = 1 + signs[:, 0] + signs[:, 1] * signs[:, 2] * (1 + signs[:, 3])
    outputs += 0.1 * rng.normal(size=NUM)
    return fit_coalition_process(coalitions, outputs, ENDS), coalitions, outputs


def test_values_are_those_of_a_regression_on_all_sets() -> None:
    process, _, outputs = fitted()
    features = np.stack([process.signs[:, list(one)].prod(1) for one in sets()], axis=1)
    prior = np.array(
        [process.shares[len(s)] * np.prod(process.relevance[list(s)]) for s in sets()]
    )
    covariance = (features * prior) @ features.T
    noise = np.append([0, 0], np.full(NUM, process.shares[5]))
    covariance += np.diag(noise + coalition_process.JITTER * (1 + covariance[0, 0]))
    gain = np.linalg.solve(covariance, features * prior).T
    share = np.zeros((PLAYERS, len(prior)))
    for column, one in enumerate(sets()):
        if len(one) % 2:
            share[list(one), column] = 2 / len(one)
    target = (np.append(ENDS, outputs) - ENDS.mean()) / process.scale
    phi, error = process.shapley()
    expected = process.scale * share @ gain @ target
    expected += (3 - expected.sum()) / PLAYERS
    np.testing.assert_allclose(phi, expected, atol=1e-6)
    spread = np.diag(share @ (np.diag(prior) - gain @ (features * prior)) @ share.T)
    ratio = error / (process.scale * np.sqrt(spread))
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)


def test_slopes_are_those_of_the_loss() -> None:
    process, _, outputs = fitted()
    data = coalition_process._Data(process.signs, np.append(ENDS, outputs))
    start = np.log(np.append(process.relevance, process.shares))
    at = start + 0.3 * np.random.default_rng(1).normal(size=len(start))
    _, slopes = coalition_process._loss(at, start, data)
    numeric = approx_fprime(at, lambda x: coalition_process._loss(x, start, data)[0], 1e-6)
    np.testing.assert_allclose(slopes, numeric, rtol=5e-3)


def test_outputs_negated_or_moved_negate_or_leave_the_values() -> None:
    process, coalitions, outputs = fitted()
    phi = process.shapley()[0]
    assert phi.sum() == pytest.approx(3, abs=1e-12)
    negated = fit_coalition_process(coalitions, -outputs, -ENDS)
    np.testing.assert_allclose(negated.shapley()[0], -phi, atol=1e-9)
    moved = fit_coalition_process(coalitions, outputs + 7, ENDS + 7)
    np.testing.assert_allclose(moved.shapley()[0], phi, atol=1e-9)


class Sum:
    """A block of sequences in which token i adds i, and tokens 0 and 1 together 8 more."""

    cost, num_sequences, num_tokens = 1, 2, 30

    def __init__(self) -> None:
        self.masks: list[np.ndarray] = []

    def values_of_each(self, sequences: Any, masks: list[np.ndarray]) -> list[np.ndarray]:
        self.masks += masks
        return [one @ np.arange(self.num_tokens) + 8.0 * (one[:, 0] & one[:, 1]) for one in masks]


@pytest.mark.parametrize(("budget", "alone"), [(15, True), (61, True), (90, True), (93, False)])
def test_few_evaluations_are_of_different_coalitions_without_complements(
    budget: int, alone: bool
) -> None:
    block: Any = Sum()
    generators = [np.random.default_rng(i) for i in range(2)]
    found = adjusted_kernel(block, ExplainConfig(max_evals=budget), generators)
    spent = budget if alone else budget - 1
    assert found.num_evals.tolist() == [spent] * 2
    for masks in block.masks:
        assert len(np.unique(masks, axis=0)) == len(masks) == spent
        both = {row.tobytes() for row in masks} & {row.tobytes() for row in ~masks}
        assert len(both) == (2 if alone else spent)
    np.testing.assert_allclose(found.phi.sum(1), 29 * 15 + 8, rtol=1e-12)
    assert np.isnan(found.standard_error).all() == (budget < 22)
    if budget > 60:
        expected = np.arange(30) + 4.0 * (np.arange(30) < 2)
        assert np.abs(found.phi - expected).max() < 1.5
