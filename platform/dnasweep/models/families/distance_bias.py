"""Attention biased by distance (ALiBi, Press et al. 2022), in both directions.

The attention score of head h between the tokens i and j is lowered by slope(h) * |i - j|.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dnasweep.devices import to_device


def slopes(num_heads: int) -> list[float]:
    """Return the slope of each head, as chosen by the authors of ALiBi.

    For a power of two n these are 2^(-8/n), 2^(-16/n) ... 2^-8; otherwise the slopes for the next smaller
    power of two, followed by every second slope for the next larger one.
    """
    whole = 2 ** math.floor(math.log2(num_heads))
    found = [2.0 ** (-8 * (i + 1) / whole) for i in range(whole)]
    if whole < num_heads:
        found += slopes(2 * whole)[0::2][: num_heads - whole]
    return found


def bias_of(num_heads: int, tokens: int, device: torch.device | None = None) -> Tensor:
    """Return the bias to add to the attention scores, (1, heads, tokens, tokens).

    Parameters
    ----------
    num_heads, tokens
        Number of heads of the model, and of tokens of a row.
    device
        Device of the result.
    """
    positions = torch.arange(tokens, device=device, dtype=torch.float32)
    distance = (positions[:, None] - positions).abs()
    slope = to_device(torch.tensor(slopes(num_heads)), distance.device)
    return -slope[None, :, None, None] * distance
