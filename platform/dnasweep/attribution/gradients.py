"""Integrated gradients, along the straight line between the word embeddings of two sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dnasweep.attribution.block import (
    Block,
    Estimates,
    Generators,
    values_of_whole,
    values_without_tokens,
)
from dnasweep.attribution.budgets import EVALS_PER_POINT, points_within
from dnasweep.attribution.settings import ExplainConfig
from dnasweep.devices import read_together, to_device
from dnasweep.errors import InputError
from dnasweep.models.encoder.bases import places_of
from dnasweep.models.encoder.capacity import tokens_at_once
from dnasweep.models.encoder.precision import autocast

DEFAULT_POINTS = 16
"""Initial number of points on the path, if no number of evaluations is given."""
MAX_POINTS = 256
"""Maximum number of points on the path, used if fewer leave too large an error."""
COMPLETENESS = 0.05
"""Largest accepted completeness error, as a fraction of the change between the ends of the path."""


def integrated_gradients(block: Block, config: ExplainConfig, generators: Generators) -> Estimates:
    """Return integrated gradients (Sundararajan et al. 2017), averaged over several references.

    The integral is computed by Gauss-Legendre quadrature. The error
    estimate is the difference from the sum over the same points with the weights of the
    trapezoidal rule: a rough estimate, but it shows when there are too few points. Unless the number of
    evaluations is given, the number of points is doubled, up to `MAX_POINTS`, for sequences whose values
    do not add up to the change of the output.

    Parameters
    ----------
    block, config, generators
        Arguments of every estimator, see :mod:`dnasweep.attribution.estimators`.
    """
    given = config.max_evals is not None
    num = (
        points_within(block.cost, config.max_evals)
        if config.max_evals is not None
        else max(4, DEFAULT_POINTS // block.cost)
    )
    prediction, base_value = values_of_whole(block), values_without_tokens(block)
    change = prediction - base_value
    phi, error = np.zeros((2, len(block.ids), block.num_tokens))
    gap = np.full(len(phi), np.inf)
    num_evals = np.full(len(phi), 2)
    rows = np.arange(len(phi))
    while True:
        values, errors = _integrate(block, rows, num)
        gaps = np.abs(values.sum(1) - change[rows])
        better = ~(gaps >= gap[rows])
        chosen = rows[better]
        phi[chosen], error[chosen], gap[chosen] = values[better], errors[better], gaps[better]
        num_evals[rows] += EVALS_PER_POINT * num
        rows = np.flatnonzero(gap > COMPLETENESS * np.abs(change))
        if given or not len(rows) or 2 * num * block.cost > MAX_POINTS:
            break
        num *= 2
    return Estimates(
        phi,
        standard_error=error,
        prediction=prediction,
        base_value=base_value,
        num_evals=num_evals,
    )


def _integrate(
    block: Block, rows: NDArray[np.int64], num: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the integrals over `num` points for some sequences, and errors, each (rows, tokens)."""
    points, weights = np.polynomial.legendre.leggauss(num)
    points, weights = (points + 1) / 2, weights / 2
    edges = np.concatenate([[0], (points[1:] + points[:-1]) / 2, [1]])
    found = _along_path(block, rows, points)
    phi = np.einsum("scnp,n->sp", found, weights) / found.shape[1]
    rough = np.einsum("scnp,n->sp", found, np.diff(edges)) / found.shape[1]
    return phi, np.abs(phi - rough)


def _along_path(
    block: Block, rows: NDArray[np.int64], points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (x - reference) . gradient at each point, (rows, copies, points, tokens)."""
    if block.references is None:
        raise ValueError("gradients need a reference for every token")
    _, copies, tokens = block.references.shape
    found = np.empty((len(rows), copies, len(points), block.num_tokens))
    size = max(1, block.model.batch_size(tokens) // 2)
    flat = np.stack(np.unravel_index(np.arange(found[..., 0].size), found.shape[:3]), axis=1)
    parts = (flat[start : start + size].T for start in range(0, len(flat), size))
    references = block.references
    dots = (
        ((s, c, p), _gradient_dots(block, rows[s], references[rows[s], c], points[p]))
        for s, c, p in parts
    )
    for place, values in read_together(dots):
        found[place] = values.numpy()
    return found


def _gradient_dots(
    block: Block,
    sequences: NDArray[np.int64],
    references: NDArray[np.int64],
    points: NDArray[np.float64],
) -> Tensor:
    """Return (x - reference) . gradient, (rows, tokens), float64, on the device."""
    model, classifier, ids = block.model, block.model.classifier, block.ids[sequences]
    if ids.shape[1] > tokens_at_once(classifier.config.to_dict()):
        raise InputError(
            "gradients along a path do not go through windows of a sequence longer than the model",
            remedy="Use the estimator permutation, or shorter sequences.",
        )
    if getattr(classifier, "reads_complements", False):
        raise InputError(
            "the model looks up each token a second time, as its complement, and a path between two "
            "embeddings does not say what that is",
            remedy="Use the estimator permutation.",
        )
    embeddings = classifier.get_input_embeddings()
    there, away = (
        to_device(torch.from_numpy(tokens), model.device) for tokens in (ids, references)
    )
    weight = embeddings.weight
    assert isinstance(weight, torch.Tensor)
    # Fraction of the path from the reference for each token. The derivative with respect to it is the
    # dot product of the change of the token's embedding and the gradient at this point.
    share = to_device(torch.from_numpy(points).to(weight.dtype), model.device)[:, None]
    share = share.repeat(1, ids.shape[1]).requires_grad_()
    with torch.enable_grad(), autocast(model.device, model.precision):
        inputs = _between(classifier, embeddings, there, away, share)
        # The model gets the tokens themselves and assigns positions as usual; only the embeddings that
        # it looks up for the tokens are replaced.
        hook = embeddings.register_forward_hook(lambda *_: inputs)
        try:
            logits = classifier(input_ids=there).logits
        finally:
            hook.remove()
        if block.spans is not None:
            owners = to_device(torch.from_numpy(sequences), model.device)
            logits = places_of(classifier, logits, block.spans.of(owners))
    value = model.value_of(logits).sum()
    (gradient,) = torch.autograd.grad(value, share)
    return gradient[:, 1:-1].double()


def _between(
    classifier: Any, embeddings: Any, there: Tensor, away: Tensor, share: Tensor
) -> Tensor:
    """Return word embeddings on the path from reference to sequence, (rows, tokens, hidden).

    An ESM with token dropout zeroes the embeddings of mask tokens and scales up the others according to
    the fraction of mask tokens in its input. The input here is the sequence, which has none, so this
    function accounts for the fraction of the row that is masked along the path.
    """
    end, start = embeddings(there).detach(), embeddings(away).detach()
    config = classifier.config
    if config.model_type != "esm" or not config.token_dropout:
        return start + share[..., None] * (end - start)
    masked = away == config.mask_token_id
    start = start.masked_fill(masked[..., None], 0.0)
    # If rows have no special token at the end, this position contains padding, which is not read.
    tokens = (there != config.pad_token_id).sum(-1)
    left = 1 - ((1 - share) * masked).sum(-1) / tokens
    return (start + share[..., None] * (end - start)) / left[:, None, None]
