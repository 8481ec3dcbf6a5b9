"""The recurrence of Mamba, token after token: the fewest operations, and the fastest way on a CPU.

h_t = exp(dt_t A) h_(t-1) + dt_t B_t x_t, and y_t = C_t . h_t. A row is cut into segments that stay in a
processor's cache. Within one, everything but the recurrence is computed for all tokens at once, and a token
costs a single multiply-add over its states. The gradient is the same recurrence backwards: with g_t the
gradient of h_t, g_t = dy_t C_t + exp(dt_(t+1) A) g_(t+1). Only the states between segments are kept for it;
those inside are computed again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

NUMBERS = 1 << 17
"""Of the states of a segment: half a MiB in fp32."""


class _Segment(NamedTuple):
    """What the recurrence makes of some tokens, (tokens, rows, channels, states)."""

    decay: Tensor
    states: Tensor


def sequential_scan(x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Return what is read of the states, (rows, tokens, channels), in fp32.

    Parameters
    ----------
    x
        Inputs, (rows, tokens, channels), in fp32 as all others.
    dt
        Step sizes, positive, (rows, tokens, channels).
    a
        Decay rates, negative, (channels, states).
    b, c
        What goes into the states and what is read of them, (rows, tokens, states).
    """
    return _SequentialScan.apply(x, dt, a, b, c)


class _SequentialScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        kept = any(ctx.needs_input_grad)
        state = x.new_zeros(x.shape[0], *a.shape)
        output = torch.empty_like(x)
        before = []
        for tokens in _segments(x, a):
            if kept:
                before.append(state)
            x_t, dt_t, b_t = _parts(tokens, x, dt, b)
            found = _scan(x_t, dt_t, b_t, a, state)
            output[:, tokens] = _read(found.states, c[:, tokens])
            state = found.states[-1].clone()
        ctx.save_for_backward(x, dt, a, b, c, *before)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, dt, a, b, c, *before = ctx.saved_tensors
        dx, ddt, db, dc = (torch.empty_like(part) for part in (x, dt, b, c))
        da = torch.zeros_like(a)
        # The gradient of the state after the last token of the segment, by what comes behind it.
        behind = torch.zeros_like(before[0])
        for tokens, state in zip(reversed(list(_segments(x, a))), reversed(before), strict=True):
            x_t, dt_t, b_t = _parts(tokens, x, dt, b)
            c_t, dy = (part[:, tokens].transpose(0, 1) for part in (c, gradient))
            decay, states = _scan(x_t, dt_t, b_t, a, state)
            dc[:, tokens] = _by_channels(dy, states)
            # Gradients of the states, from the last token to the first.
            g = dy[..., None] * c_t[:, :, None, :]
            g[-1] += behind
            later = g[-1]
            pairs = zip(g[:-1].unbind(0), decay[1:].unbind(0), strict=True)
            for earlier, kept in reversed(list(pairs)):
                later = earlier.addcmul_(kept, later)
            behind = decay[0] * g[0]
            into = torch.matmul(g, b_t[..., None]).squeeze(-1)
            dx[:, tokens] = (into * dt_t).transpose(0, 1)
            db[:, tokens] = _by_channels(dt_t * x_t, g)
            # g_t h_(t-1) decay_t is the gradient of dt_t A.
            g.mul_(decay)
            g[1:].mul_(states[:-1])
            g[0].mul_(state)
            ddt[:, tokens] = ((g * a).sum(-1) + into * x_t).transpose(0, 1)
            da += torch.einsum("trcs,trc->cs", g, dt_t)
        return dx, ddt, da, db, dc


def _segments(x: Tensor, a: Tensor) -> Iterator[slice]:
    rows, tokens, _ = x.shape
    size = max(NUMBERS // max(rows * a.numel(), 1), 1)
    for start in range(0, tokens, size):
        yield slice(start, min(start + size, tokens))


def _parts(tokens: slice, *parts: Tensor) -> list[Tensor]:
    """Return the tokens of a segment, the tokens first, so that one token is one piece of memory."""
    return [part[:, tokens].transpose(0, 1).contiguous() for part in parts]


def _scan(x: Tensor, dt: Tensor, b: Tensor, a: Tensor, state: Tensor) -> _Segment:
    """Return decays and states of a segment, after the state before it."""
    decay = torch.exp(dt[..., None] * a)
    states = (dt * x)[..., None] * b[:, :, None, :]
    for value, kept in zip(states.unbind(0), decay.unbind(0), strict=True):
        state = value.addcmul_(kept, state)
    return _Segment(decay, states)


def _read(states: Tensor, c: Tensor) -> Tensor:
    """Return C . h, (rows, tokens, channels)."""
    return torch.matmul(states, c.transpose(0, 1)[..., None]).squeeze(-1).transpose(0, 1)


def _by_channels(per_channel: Tensor, states: Tensor) -> Tensor:
    """Return sums over the channels of weighted states, (rows, tokens, states)."""
    return torch.matmul(per_channel[:, :, None, :], states).squeeze(2).transpose(0, 1)
