"""LIME against the lime library: the same draws, distances, weights and coefficients."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from dnasweep.attribution.lime import distances, draw_masks, fit_local, weights
from lime.lime_base import LimeBase
from sklearn.metrics import pairwise_distances

TOKENS, NUM = 9, 400


@pytest.fixture
def masks() -> np.ndarray:
    return draw_masks(TOKENS, NUM, np.random.default_rng(0))


def test_draws_leave_out_any_number_of_tokens_equally_often() -> None:
    masks = draw_masks(TOKENS, 20_001, np.random.default_rng(0))
    assert masks[0].all()
    left_out = TOKENS - masks[1:].sum(1)
    shares = np.bincount(left_out, minlength=TOKENS + 1) / 20_000
    assert shares[0] == 0
    np.testing.assert_allclose(shares[1:], 1 / TOKENS, atol=0.01)
    np.testing.assert_allclose(masks[1:].mean(0), (TOKENS - 1) / 2 / TOKENS, atol=0.02)


def test_distances_and_weights_are_the_library_s(masks: np.ndarray) -> None:
    masks[1] = False
    far = pairwise_distances(masks.astype(float), np.ones((1, TOKENS)), metric="cosine").ravel()
    np.testing.assert_allclose(distances(masks), 100 * far, atol=1e-9)
    # lime_text: kernel(d, kernel_width) = sqrt(exp(-(d ** 2) / kernel_width ** 2)), width 25.
    np.testing.assert_allclose(weights(np.array([0.0, 25.0, 50.0]), 25), np.exp([0, -0.5, -2]))


def test_coefficients_are_the_library_s(masks: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    outputs = np.tanh(masks @ rng.normal(size=TOKENS)) + 0.1 * rng.normal(size=NUM)
    distance = distances(masks)
    library = LimeBase(partial(weights, width=25.0))
    _, found, _, _ = library.explain_instance_with_data(
        masks.astype(float), outputs[:, None], distance, 0, TOKENS, feature_selection="none"
    )
    theirs = np.zeros(TOKENS)
    for token, coefficient in found:
        theirs[token] = coefficient
    ours = fit_local(masks, outputs, weights(distance, 25.0))
    np.testing.assert_allclose(ours.coefficients, theirs, atol=1e-10)


def test_a_linear_model_is_found_again_and_its_errors_are_right() -> None:
    truth = np.linspace(-1, 1, TOKENS)
    found, errors = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        masks = draw_masks(TOKENS, NUM, rng)
        outputs = 0.5 + masks @ truth + 0.5 * rng.normal(size=NUM)
        local = fit_local(masks, outputs, weights(distances(masks), 25.0))
        found.append(local.coefficients)
        errors.append(local.errors)
    np.testing.assert_allclose(np.mean(found, 0), truth, atol=0.06)
    np.testing.assert_allclose(np.std(found, 0, ddof=1), np.mean(errors, 0), rtol=0.4)
