"""The exact recurrence of Mamba (Gu and Dao 2023), computed in the way that suits the device.

h_t = exp(dt_t A) h_(t-1) + dt_t B_t x_t, and y_t = C_t . h_t + D x_t, for each channel separately. A CPU proceeds token by
token (:mod:`~dnasweep.models.families.sequential_scan`). Other devices would wait for each token, so the row is
divided into chunks; within a chunk, the recurrence is an associative scan in log2(chunk) steps, and the state is
passed from each chunk to the next. In both cases memory is linear in the length, and in training only the states
between chunks or segments are kept; states within them are recomputed for the gradient.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from dnasweep.models.families.lengths import CHUNK
from dnasweep.models.families.sequential_scan import sequential_scan


def selective_scan(x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """Return the outputs of the recurrence, (rows, tokens, channels), in fp32.

    Parameters
    ----------
    x
        Inputs, shape (rows, tokens, channels).
    dt
        Step sizes, positive, shape (rows, tokens, channels).
    a
        Decay rates, negative, shape (channels, states).
    b, c
        Input and output projections of the states, shape (rows, tokens, states).
    d
        Weights of the skip connection past the states, shape (channels,).
    """
    with torch.autocast(x.device.type, enabled=False):
        x, dt, a, b, c, d = (part.float() for part in (x, dt, a, b, c, d))
        scan = sequential_scan if x.device.type == "cpu" else associative_scan
        return scan(x, dt, a, b, c) + d * x


def associative_scan(
    x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor, *, chunk: int = CHUNK
) -> Tensor:
    """Return the outputs without the skip connection, (rows, tokens, channels).

    Parameters
    ----------
    x, dt, a, b, c
        As for :func:`selective_scan`, in fp32.
    chunk
        Tokens per chunk; changes values only by rounding.
    """
    state = x.new_zeros(x.shape[0], *a.shape)
    outputs = []
    training = torch.is_grad_enabled() and any(p.requires_grad for p in (x, dt, a, b, c))
    for parts in zip(*(part.split(chunk, dim=1) for part in (x, dt, b, c)), strict=True):
        if training:
            output, state = checkpoint(_chunk, *parts, a, state, use_reentrant=False)
        else:
            output, state = _chunk(*parts, a, state)  # type: ignore[call-arg]
        outputs.append(output)
    return torch.cat(outputs, dim=1)


def _chunk(
    x: Tensor, dt: Tensor, b: Tensor, c: Tensor, a: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the outputs of a chunk, and the state after it."""
    decay = torch.exp(dt[..., None] * a)
    value = (dt * x)[..., None] * b[:, :, None, :]
    # The state before the chunk is treated as an additional input of its first token.
    value = torch.cat([value[:, :1] + decay[:, :1] * state[:, None], value[:, 1:]], dim=1)
    tokens, step = x.shape[1], 1
    while step < tokens:
        value = torch.cat(
            [value[:, :step], value[:, step:] + decay[:, step:] * value[:, :-step]], dim=1
        )
        decay = torch.cat([decay[:, :step], decay[:, step:] * decay[:, :-step]], dim=1)
        step *= 2
    return torch.einsum("rtcs,rts->rtc", value, c), value[:, -1]
