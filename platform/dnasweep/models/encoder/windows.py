"""Division of sequences that are too long for a model into windows that overlap by half.

A row with N tokens between its first and its last special token is divided into windows of W
tokens, one every W / 2 tokens; the last window is shifted back to end at the end of the row. Each
window gets the special tokens of the row. A row that fits is a single window. The windows of a row
therefore depend only on this row, and an average over them does not depend on the rest of the
batch.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Windows(NamedTuple):
    """Windows of the rows of a batch."""

    ids: Tensor
    """Token ids, (windows, tokens)."""
    attention: Tensor | None
    """True for real tokens, (windows, tokens); None without padding."""
    row: Tensor
    """Row of each window, (windows,)."""
    rank: Tensor
    """Number of each window within its row, from 0, (windows,)."""
    starts: Tensor
    """Start of each possible window of a row, in tokens after the first special token, (rows,
    maximum number of windows per row)."""
    number: Tensor
    """Number of windows of each row, (rows,)."""


def cut(ids: Tensor, attention: Tensor | None, tokens: int, pad_id: int) -> Windows:
    """Divide rows into windows of at most `tokens` tokens, including special tokens.

    Parameters
    ----------
    ids
        Token ids, shape (rows, tokens).
    attention
        True for real tokens, shape (rows, tokens); None without padding.
    tokens
        Number of tokens, at least 3.
    pad_id
        Token id that fills windows after the end of a row.
    """
    rows, width = ids.shape
    device = ids.device
    lengths = torch.full((rows,), width, device=device) if attention is None else attention.sum(1)
    size = tokens - 2
    stride = max(1, size // 2)
    excess = (lengths - 2 - size).clamp(min=0)
    most = 1 - (-max(0, width - 2 - size) // stride)
    number = 1 - (-excess // stride)
    ranks = torch.arange(most, device=device)
    starts = torch.minimum(ranks * stride, excess[:, None])
    row, rank = torch.nonzero(ranks < number[:, None], as_tuple=True)
    inside = (lengths - 2).clamp(max=size)[row]
    columns = torch.arange(min(tokens, width), device=device)
    source = starts[row, rank][:, None] + columns
    source[:, 0] = 0
    end = columns == (inside + 1)[:, None]
    source = torch.where(end, (lengths[row] - 1)[:, None], source).clamp(max=width - 1)
    real = columns < (inside + 2)[:, None]
    cut_ids = torch.where(real, ids[row[:, None], source], pad_id)
    return Windows(cut_ids, None if attention is None else real, row, rank, starts, number)


def mean_over_windows(values: Tensor, windows: Windows) -> Tensor:
    """Return the mean of the windows' values for each row, (rows, columns)."""
    rows, most = windows.starts.shape
    # index_add is not used, because on a GPU its order of summation changes between runs.
    spread = values.new_zeros(rows, most, values.shape[1])
    spread[windows.row, windows.rank] = values
    return spread.sum(1) / windows.number[:, None]


def nearest(windows: Windows, positions: Tensor, width: int) -> Tensor:
    """Return the locations of row positions in the windows with the nearest middle.

    Parameters
    ----------
    windows
        Windows of the rows.
    positions
        Flat positions `row * width + token` in the rows, (m,).
    width
        Number of tokens per row of the batch, including padding.

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
    exists = torch.arange(most, device=positions.device) < windows.number[row][:, None]
    rank = distance.masked_fill(~exists, torch.inf).argmin(1)
    first = windows.number.cumsum(0) - windows.number
    return (first[row] + rank) * tokens + inner - windows.starts[row, rank] + 1
