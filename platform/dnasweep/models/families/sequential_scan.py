"""The recurrence of Mamba token by token, which needs the fewest operations and is fastest on a CPU.

The loops are compiled (:mod:`~dnasweep.models.families.scan_kernels`). Threads share the rows or, with fewer rows
than threads, the channels of a row. For the gradient, one state is kept per segment of tokens; the states within
segments are recomputed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

NUMBERS = 1 << 15
"""Floats for the states of a segment: 128 KiB in fp32, and the same amount for the decays."""


def sequential_scan(x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Return the outputs without the skip connection, (rows, tokens, channels), in fp32.

    Parameters
    ----------
    x
        Inputs, (rows, tokens, channels); all tensors are in fp32.
    dt
        Step sizes, positive, shape (rows, tokens, channels).
    a
        Decay rates, negative, shape (channels, states).
    b, c
        Input and output projections of the states, shape (rows, tokens, states).
    """
    return _SequentialScan.apply(x, dt, a, b, c)


class _SequentialScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dt: Tensor, a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        from dnasweep.models.families import scan_kernels

        inputs = [part.contiguous() for part in (x, dt, a, b, c)]
        rows, tokens, channels = x.shape
        pieces = _pieces(rows, channels)
        segment = _segment(tokens, len(pieces), a)
        num_segments = -(-tokens // segment) if any(ctx.needs_input_grad) else 0
        before = x.new_empty(rows, num_segments, *a.shape)
        output = torch.empty_like(inputs[0])
        xs, dts, rates, bs, cs, outputs, befores = _arrays(*inputs, output, before)
        _share(
            lambda row, piece: scan_kernels.forward(
                xs[row], dts[row], rates, bs[row], cs[row], outputs[row], befores[row],
                segment, *pieces[piece],
            ),
            itertools.product(range(rows), range(len(pieces))),
        )  # fmt: skip
        ctx.save_for_backward(*inputs, before)
        ctx.pieces, ctx.segment = pieces, segment
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        from dnasweep.models.families import scan_kernels

        x, dt, a, b, c, before = ctx.saved_tensors
        pieces = ctx.pieces
        dx, ddt = torch.empty_like(x), torch.empty_like(dt)
        # One copy per thread, since all channels add to them.
        da = a.new_zeros(len(x), *a.shape)
        db, dc = (x.new_zeros(len(x), len(pieces), *b.shape[1:]) for _ in range(2))
        xs, dts, rates, bs, cs, dys, befores, dxs, ddts, das, dbs, dcs = _arrays(
            x, dt, a, b, c, gradient.contiguous(), before, dx, ddt, da, db, dc
        )
        _share(
            lambda row, piece: scan_kernels.backward(
                xs[row], dts[row], rates, bs[row], cs[row], dys[row], befores[row],
                ctx.segment, *pieces[piece],
                dxs[row], ddts[row], das[row], dbs[row, piece], dcs[row, piece],
            ),
            itertools.product(range(len(x)), range(len(pieces))),
        )  # fmt: skip
        return dx, ddt, da.sum(0), db.sum(1), dc.sum(1)


def _pieces(rows: int, channels: int) -> list[tuple[int, int]]:
    """Return the channels of each task, as first and end, so that no thread is idle."""
    num = min(-(-torch.get_num_threads() // max(rows, 1)), channels)
    ends = np.linspace(0, channels, num + 1).round().astype(int).tolist()
    return list(itertools.pairwise(ends))


def _segment(tokens: int, num_pieces: int, a: Tensor) -> int:
    """Return the number of tokens per segment, chosen so that their states fit into the cache."""
    each = max(a.numel() // num_pieces, 1)
    return min(max(NUMBERS // each, 1), max(tokens, 1))


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [part.detach().numpy() for part in tensors]


def _share(task: Callable[[int, int], None], of: Iterable[tuple[int, int]]) -> None:
    """Run tasks in as many threads as torch uses."""
    tasks = list(of)
    threads = min(torch.get_num_threads(), len(tasks))
    if threads <= 1:
        for row, piece in tasks:
            task(row, piece)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda one: task(*one), tasks):
            pass
