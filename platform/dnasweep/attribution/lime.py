"""LIME: a linear model of the outputs near a sequence (Ribeiro, Singh & Guestrin 2016).

The method is that of the lime library for texts (`lime_text` 0.2): first the number of tokens to leave out
is drawn, then the tokens; each perturbed sequence has the weight sqrt(exp(-(100 d)^2 / width^2)), where d is
its cosine distance from the whole sequence; and a ridge regression with penalty 1 gives every token a
coefficient. The library shows only the ten largest coefficients.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.attribution.block import ROWS_AT_ONCE, Block, Estimates, Generators
from dnasweep.attribution.intervals import widening
from dnasweep.attribution.settings import ExplainConfig

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

DEFAULT_NEIGHBOURS = 1000
NEIGHBOURS_PER_TOKEN = 10
PENALTY = 1.0
"""Penalty on the squared coefficients, as in the lime library."""
MIN_FREEDOM = 0.05
"""Lower limit on 1 - leverage of a row, by which its residual is divided."""
PERCENT = 100
"""Distances are in hundredths, as in the lime library."""


class LocalModel(NamedTuple):
    """A linear model near one sequence."""

    coefficients: Floats
    """Coefficient of each token, (tokens,)."""
    errors: Floats
    """Standard errors, (tokens,), by the sandwich estimator, which is valid even if outputs are not linear.
    Residuals are leave-one-out residuals (HC3, MacKinnon & White 1985). Errors are widened by Student's
    distribution for the effective number of rows given the weights; nan if this does not exceed the
    number of parameters of the fit."""


def draw_masks(num_tokens: int, num: int, rng: np.random.Generator) -> Booleans:
    """Return kept tokens, (num, tokens); row 0 keeps all, every other row leaves out at least one.

    The number of tokens left out is uniform from 1 to all, and the tokens are chosen uniformly.

    Parameters
    ----------
    num_tokens
        Number of tokens in the sequence, without special tokens.
    num
        Number of rows.
    rng
        Random generator.
    """
    masks = np.ones((num, num_tokens), bool)
    sizes = rng.integers(1, num_tokens + 1, num - 1)
    ranks = np.argsort(np.argsort(rng.random((num - 1, num_tokens)), axis=1), axis=1)
    masks[1:] = ranks >= sizes[:, None]
    return masks


def distances(masks: Booleans) -> Floats:
    """Return the cosine distance of each row from the full row, in hundredths; 100 for an empty row."""
    return PERCENT * (1 - np.sqrt(masks.mean(axis=1)))


def weights(distance: Floats, width: float) -> Floats:
    """Return the weight of draws at these distances.

    Parameters
    ----------
    distance
        Distance in hundredths.
    width
        Width of the kernel, in hundredths; 25 in the lime library.
    """
    return np.sqrt(np.exp(-(distance**2) / width**2))


def fit_local(masks: Booleans, outputs: Floats, weight: Floats) -> LocalModel:
    """Return the weighted ridge regression of outputs on kept tokens; the intercept is not penalised.

    Equal to `lime.lime_base.LimeBase.explain_instance_with_data` with all features.

    Parameters
    ----------
    masks
        (rows, tokens).
    outputs, weight
        (rows,).
    """
    from sklearn.linear_model import Ridge

    kept = masks.astype(float)
    ridge = Ridge(alpha=PENALTY, fit_intercept=True).fit(kept, outputs, sample_weight=weight)
    left = outputs - ridge.predict(kept)
    share = weight / weight.sum()
    away = kept - share @ kept
    square = (away * weight[:, None]).T @ away + PENALTY * np.eye(kept.shape[1])
    inverse = np.linalg.inv(square)
    leverage = share + weight * ((away @ inverse) * away).sum(axis=1)
    unseen = left / np.clip(1 - leverage, MIN_FREEDOM, 1)
    pull = inverse @ (away * (weight * unseen)[:, None]).T
    wide = widening(max(0.0, weight.sum() ** 2 / (weight**2).sum() - leverage.sum()))
    return LocalModel(
        coefficients=ridge.coef_,
        errors=wide * np.sqrt((pull**2).sum(axis=1)),
    )


def lime(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    """Fit a linear model near each sequence; its values need not add up to anything.

    Parameters
    ----------
    block, config, generators
        Arguments of every estimator, see :mod:`dnasweep.attribution.estimators`.
    """
    usual = max(DEFAULT_NEIGHBOURS, NEIGHBOURS_PER_TOKEN * block.num_tokens)
    num = config.max_evals or usual
    masks = [draw_masks(block.num_tokens, num, rng) for rng in generators]
    at_once = max(1, ROWS_AT_ONCE // num)
    found, prediction = [], []
    for start in range(0, block.num_sequences, at_once):
        part = masks[start : start + at_once]
        outputs = block.values_of_each(range(start, start + len(part)), part)
        for own, values in zip(part, outputs, strict=True):
            found.append(fit_local(own, values, weights(distances(own), config.kernel_width)))
            # Row 0 keeps all tokens.
            prediction.append(float(values[0]))
    return Estimates(
        np.stack([one.coefficients for one in found]),
        standard_error=np.stack([one.errors for one in found]),
        prediction=np.array(prediction),
        base_value=np.full(len(found), np.nan),
        num_evals=np.full(len(found), num),
    )
