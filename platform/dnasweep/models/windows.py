"""Sequences longer than the model, read in windows that overlap by half.

A row of N tokens between its first and its last special token is cut into windows of W tokens
every W / 2, the last one moved back so that it ends where the row ends; each gets the row's special
tokens. A row that fits is one window, itself. So a row's windows depend on the row alone, and
whatever is averaged over them does not depend on what else is in the batch.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Cut(NamedTuple):
    """Windows of the rows of a batch."""

    ids: Tensor
    """Token ids, (windows, tokens)."""
    attention: Tensor | None
    """True at real tokens, (windows, tokens); None when nothing is padded."""
    row: Tensor
    """Row of each window, (windows,)."""
    place: Tensor
    """Which window of its row it is, from 0, (windows,)."""
    starts: Tensor
    """Where each possible window of a row begins, in tokens after the first special token, (rows,
    most)."""
    number: Tensor
    """Windows of each row, (rows,)."""


def cut(ids: Tensor, attention: Tensor | None, tokens: int, pad_id: int) -> Cut:
    """Cut rows into windows of at most `tokens` tokens, special tokens counted.

    Parameters
    ----------
    ids, attention
        As in :class:`dnasweep.models.rows.TensorBatch`.
    tokens
        At least 3.
    pad_id
        What stands beyond the end of a row.
    """
    rows, width = ids.shape
    there = ids.device
    whole = torch.full((rows,), width, device=there)
    lengths = whole if attention is None else attention.sum(1)
    size = tokens - 2
    stride = max(1, size // 2)
    over = (lengths - 2 - size).clamp(min=0)
    most = 1 - (-max(0, width - 2 - size) // stride)
    number = 1 - (-over // stride)
    steps = torch.arange(most, device=there)
    starts = torch.minimum(steps * stride, over[:, None])
    row, place = torch.nonzero(steps < number[:, None], as_tuple=True)
    inside = (lengths - 2).clamp(max=size)[row]
    columns = torch.arange(min(tokens, width), device=there)
    source = starts[row, place][:, None] + columns
    source[:, 0] = 0
    end = columns == (inside + 1)[:, None]
    source = torch.where(end, (lengths[row] - 1)[:, None], source).clamp(max=width - 1)
    real = columns < (inside + 2)[:, None]
    cut_ids = torch.where(real, ids[row[:, None], source], pad_id)
    return Cut(cut_ids, None if attention is None else real, row, place, starts, number)


def mean_over_windows(values: Tensor, windows: Cut) -> Tensor:
    """Return the mean of the windows' values for each row, (rows, columns)."""
    rows, most = windows.starts.shape
    # Not index_add, whose order of summation a GPU does not keep.
    spread = values.new_zeros(rows, most, values.shape[1])
    spread[windows.row, windows.place] = values
    return spread.sum(1) / windows.number[:, None]


def nearest(windows: Cut, positions: Tensor, width: int) -> Tensor:
    """Return where positions of rows are in the windows whose middle is nearest.

    Parameters
    ----------
    positions
        Flat positions `row * width + token` in the rows, (m,).
    width
        Tokens of the rows' batch.

    Returns
    -------
    torch.Tensor
        Flat positions in the batch of windows, (m,).
    """
    row, inner = positions // width, positions % width - 1
    most = windows.starts.shape[1]
    tokens = windows.ids.shape[1]
    middle = windows.starts[row] + (tokens - 2) / 2
    distance = (inner[:, None] + 0.5 - middle).abs()
    there = torch.arange(most, device=positions.device) < windows.number[row][:, None]
    place = distance.masked_fill(~there, torch.inf).argmin(1)
    first = windows.number.cumsum(0) - windows.number
    return (first[row] + place) * tokens + inner - windows.starts[row, place] + 1
