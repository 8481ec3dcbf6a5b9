"""Support for models without an attention mask: padding is removed before it can be read.

Rows with the same number of real tokens are computed together, so a row has the same values alone and in a
batch, wherever its padding is. Real tokens are those that are not padding.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def real_tokens(ids: Tensor, attention: Tensor | None, pad_id: int | None) -> Tensor:
    """Return which tokens are read, that is, are not padding, (rows, tokens).

    Parameters
    ----------
    ids
        Token ids, shape (rows, tokens).
    attention
        1 at real tokens, (rows, tokens); None if the ids alone show padding.
    pad_id
        Id of the padding token, which is never read.
    """
    real = torch.ones_like(ids, dtype=torch.bool) if pad_id is None else ids != pad_id
    return real if attention is None else real & attention.bool()


def run_real_tokens(run: Callable[[Tensor], Tensor], x: Tensor, real: Tensor) -> Tensor:
    """Return the output of `run` for the real tokens of each row, (rows, tokens, width); 0 elsewhere.

    Parameters
    ----------
    run
        Function that computes rows of equal length, (rows, tokens, hidden).
    x
        Input of the layer for all tokens, shape (rows, tokens, hidden).
    real
        True at real tokens, shape (rows, tokens).
    """
    if bool(real.all()):
        return run(x)
    counts = real.sum(1)
    found: Tensor | None = None
    for count in counts.unique().tolist():
        if count == 0:
            continue
        rows = (counts == count).nonzero()
        places = real[rows[:, 0]].nonzero()[:, 1].view(len(rows), count)
        states = run(x[rows, places])
        if found is None:
            found = states.new_zeros(*real.shape, states.shape[-1])
        found[rows, places] = states
    return x.new_zeros(x.shape) if found is None else found


def last_real(states: Tensor, real: Tensor) -> Tensor:
    """Return the states of the last real token of each row, (rows, hidden)."""
    places = torch.arange(real.shape[1], device=real.device)
    last = (real * places).argmax(1)
    return states[torch.arange(len(states), device=states.device), last]


def mean_real(states: Tensor, real: Tensor) -> Tensor:
    """Return the mean of the states of the real tokens of each row, (rows, hidden)."""
    return (states * real[..., None]).sum(1) / real.sum(1, keepdim=True)
