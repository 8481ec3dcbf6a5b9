"""Integrated gradients, through the word embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dnasweep.attribution.game import Block
from dnasweep.attribution.values import class_value
from dnasweep.errors import InputError
from dnasweep.models.encoder.capacity import tokens_at_once
from dnasweep.models.encoder.precision import autocast


def integrated_gradients(
    block: Block, num_nodes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return integrated gradients from reference to sequence and an error estimate, (s, players).

    The integral of Sundararajan et al. (2017) along the straight line between the word embeddings
    of reference and sequence, by Gauss-Legendre quadrature; several references are averaged. The
    error estimate is the difference from the same nodes under the weights of the trapezoidal rule
    on them: rough, but it tells when the path is not resolved.

    Parameters
    ----------
    block
        Sequences and their references.
    num_nodes
        Points on each path.
    """
    points, weights = np.polynomial.legendre.leggauss(num_nodes)
    points, weights = (points + 1) / 2, weights / 2
    edges = np.concatenate([[0], (points[1:] + points[:-1]) / 2, [1]])
    found = _along(block, np.broadcast_to(points, (block.num_sequences, num_nodes)))
    phi = np.einsum("scnp,n->sp", found, weights) / found.shape[1]
    rough = np.einsum("scnp,n->sp", found, np.diff(edges)) / found.shape[1]
    return phi, np.abs(phi - rough)


def _along(block: Block, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (x - reference) . gradient, (sequences, copies, points, players)."""
    if block.references is None:
        raise ValueError("gradients need a reference for every token")
    sequences, copies, tokens = block.references.shape
    num = points.shape[1]
    found = np.empty((sequences, copies, num, block.num_players))
    rows = max(1, block.game.rows_a_batch(tokens) // 2)
    flat = np.stack(np.unravel_index(np.arange(found[..., 0].size), found.shape[:3]), axis=1)
    for start in range(0, len(flat), rows):
        s, c, p = flat[start : start + rows].T
        found[s, c, p] = _gradient_dots(block, block.ids[s], block.references[s, c], points[s, p])
    return found


def _gradient_dots(
    block: Block,
    ids: NDArray[np.int64],
    references: NDArray[np.int64],
    points: NDArray[np.float64],
) -> NDArray[np.float64]:
    game, model = block.game, block.game.model
    if ids.shape[1] > tokens_at_once(model.config.to_dict()):
        raise InputError(
            "gradients along a path do not go through windows of a sequence longer than the model",
            remedy="Use the estimator permutation, or shorter sequences.",
        )
    words = model.get_input_embeddings()
    there, away = (torch.from_numpy(tokens).to(game.device) for tokens in (ids, references))
    weight = words.weight
    assert isinstance(weight, torch.Tensor)
    # How far each token has come from its reference. The derivative by it is what its embedding's
    # change times the gradient there adds up to.
    share = torch.from_numpy(points).to(game.device, weight.dtype)[:, None]
    share = share.repeat(1, ids.shape[1]).requires_grad_()
    with torch.enable_grad(), autocast(game.device, game.precision):
        inputs = _between(model, words, there, away, share)
        # The model gets the tokens themselves, so that it places them as always, and only what it
        # looks up for them is replaced.
        hook = words.register_forward_hook(lambda *_: inputs)
        try:
            logits = model(input_ids=there).logits
        finally:
            hook.remove()
    value = class_value(logits, game.target, game.value).sum()
    (gradient,) = torch.autograd.grad(value, share)
    return gradient[:, 1:-1].double().cpu().numpy()


def _between(model: Any, words: Any, there: Tensor, away: Tensor, share: Tensor) -> Tensor:
    """Return word embeddings on the way from reference to sequence, (rows, tokens, hidden).

    An ESM with token dropout leaves out the embeddings of mask tokens and makes the others larger
    for it, by the tokens that it is given: here those of the sequence, which have no mask. So the
    part of the row that is masked on the way is taken into account here.
    """
    end, start = words(there).detach(), words(away).detach()
    config = model.config
    if config.model_type != "esm" or not config.token_dropout:
        return start + share[..., None] * (end - start)
    masked = away == config.mask_token_id
    start = start.masked_fill(masked[..., None], 0.0)
    left = 1 - ((1 - share) * masked).sum(-1) / there.shape[1]
    return (start + share[..., None] * (end - start)) / left[:, None, None]
