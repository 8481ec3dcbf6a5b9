"""Attention biased by distance (ALiBi, Press et al. 2022), to both sides.

The score of head h between the tokens i and j loses slope(h) * |i - j|. Nothing else tells a model
where a token stands, so it reads sequences of any length; what it makes of lengths it was not
trained on is for a test to show.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


def slopes(num_heads: int) -> list[float]:
    """Return the slope of each head, as the authors choose them.

    For a power of two n these are 2^(-8/n), 2^(-16/n) ... 2^-8; for other numbers those of the next
    smaller power of two, and then every second one of the next larger.
    """
    whole = 2 ** math.floor(math.log2(num_heads))
    found = [2.0 ** (-8 * (i + 1) / whole) for i in range(whole)]
    if whole < num_heads:
        found += slopes(2 * whole)[0::2][: num_heads - whole]
    return found


def bias_of(num_heads: int, tokens: int, device: torch.device | None = None) -> Tensor:
    """Return what is added to the attention scores, (1, heads, tokens, tokens)."""
    places = torch.arange(tokens, device=device, dtype=torch.float32)
    distance = (places[:, None] - places).abs()
    return -torch.tensor(slopes(num_heads), device=device)[None, :, None, None] * distance


def attention_bias(roberta: Any, tokens: int) -> Tensor:
    """Return the bias for a model and sequences of `tokens` tokens; the longest so far is kept."""
    device = roberta.device
    kept: Tensor | None = getattr(roberta, "kept_bias", None)
    if kept is None or kept.device != device or kept.shape[-1] < tokens:
        # A tensor made in inference mode could not be used in training afterwards.
        with torch.inference_mode(False), torch.no_grad():
            kept = bias_of(int(roberta.config.num_attention_heads), tokens, device)
        roberta.kept_bias = kept
    return kept[:, :, :tokens, :tokens]
