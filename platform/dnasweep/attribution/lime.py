"""LIME: a linear model of what the model says near a sequence (Ribeiro, Singh & Guestrin 2016).

As the lime library explains texts (`lime_text` 0.2): a number of tokens to leave out is drawn, then
which; what is left is weighted by its cosine distance d from the whole sequence, by
sqrt(exp(-(100 d)^2 / width^2)); and a ridge regression of penalty 1 gives every token a coefficient.
Every token has one here, where the library's own users see the ten largest alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.attribution.standard_errors import widening

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

PENALTY = 1.0
"""Of the squared coefficients, as in the lime library."""
MIN_FREEDOM = 0.05
"""Least part of a residual that is taken not to have gone into its own fitted value."""
PERCENT = 100
"""Distances are counted in hundredths, as in the lime library."""


class Local(NamedTuple):
    """A linear model near one sequence."""

    coefficients: Floats
    """(tokens,)."""
    errors: Floats
    """(tokens,) standard errors, by the sandwich estimator: right also where the model is not linear.
    Residuals are what they would be had their row not been fitted (HC3, MacKinnon & White 1985), and
    errors as wide as Student's distribution has it for as many rows as the weights amount to; nan
    where these are no more than the fit takes."""
    intercept: float
    """What it says without any token."""
    score: float
    """Weighted share of variance that it explains."""


def draw_masks(num_tokens: int, num: int, rng: np.random.Generator) -> Booleans:
    """Return tokens kept, (num, tokens); row 0 keeps all, every other leaves out one or more.

    How many are left out is equally likely from 1 to all, and so is which.
    """
    masks = np.ones((num, num_tokens), bool)
    sizes = rng.integers(1, num_tokens + 1, num - 1)
    ranks = np.argsort(np.argsort(rng.random((num - 1, num_tokens)), axis=1), axis=1)
    masks[1:] = ranks >= sizes[:, None]
    return masks


def distances(masks: Booleans) -> Floats:
    """Return the cosine distance of each row from all tokens, in hundredths; 100 of no token."""
    return PERCENT * (1 - np.sqrt(masks.mean(axis=1)))


def weights(distance: Floats, width: float) -> Floats:
    """Return the weight of draws at these distances.

    Parameters
    ----------
    distance
        In hundredths.
    width
        Of the kernel, in hundredths; 25 in the lime library.
    """
    return np.sqrt(np.exp(-(distance**2) / width**2))


def fit_local(masks: Booleans, outputs: Floats, weight: Floats) -> Local:
    """Return the weighted ridge regression of outputs on tokens kept, the intercept free.

    The same as `lime.lime_base.LimeBase.explain_instance_with_data` with all features.

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
    total = weight @ (outputs - share @ outputs) ** 2
    return Local(
        coefficients=ridge.coef_,
        errors=wide * np.sqrt((pull**2).sum(axis=1)),
        intercept=float(ridge.intercept_),
        score=float(1 - weight @ left**2 / total) if total > 0 else 1.0,
    )
