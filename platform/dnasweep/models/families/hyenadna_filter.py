"""The long filters of HyenaDNA, which are functions of the position, and convolution with them.

A small network with sine activations computes a filter from features of each position, and the filter decays
with distance. Features, times and decays are stored with the weights and read from there.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_SHIFT = 0.05
"""Constant added to the decay of a filter, so that the filter never vanishes."""


class _Sine(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        start = float(config.activation_freq)
        self.freq: Tensor | float = start
        if config.train_freq:
            self.freq = nn.Parameter(torch.full((1, config.filter_order), start))

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(self.freq * x)


class _Positions(nn.Module):
    def __init__(self, config: Any) -> None:
        super().__init__()
        self.z = nn.Parameter(torch.zeros(1, config.max_seq_len, config.emb_dim))
        self.t = nn.Buffer(torch.zeros(1, config.max_seq_len, 1))


class _Modulation(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.deltas = nn.Buffer(torch.zeros(1, 1, width))


class LongFilter(nn.Module):
    """The filter of a layer, a function of the position.

    Parameters
    ----------
    config
        Settings of a HyenaDNA.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        width = config.filter_order
        # Named by index. All sines of a layer share one vector of frequencies, which is stored only with
        # the first one.
        parts: dict[str, nn.Module] = {"0": nn.Linear(config.emb_dim, width), "1": _Sine(config)}
        for i in range(config.num_inner_mlps):
            parts[str(2 * i + 2)] = nn.Linear(width, width)
        last = 2 * config.num_inner_mlps + 2
        parts[str(last)] = nn.Linear(width, config.d_model, bias=False)
        self.implicit_filter = nn.ModuleDict(parts)
        self.pos_emb = _Positions(config)
        self.modulation = _Modulation(config.d_model)
        self.bias = nn.Parameter(torch.zeros(config.d_model))

    def forward(self, tokens: int) -> Tensor:
        """Return the filter for rows of `tokens` tokens, (hidden, tokens)."""
        # The sines oscillate fast, so half precision would give a different filter.
        with torch.autocast(self.bias.device.type, enabled=False):
            parts = self.implicit_filter
            h = parts["0"](self.pos_emb.z[:, :tokens])
            for i in range(2, 2 * len(parts) - 2, 2):
                h = parts[str(i)](parts["1"](h))
        decay = torch.exp(-self.pos_emb.t[:, :tokens] * self.modulation.deltas.abs())
        return (h * (decay + _SHIFT))[0].T


def long_convolution(x: Tensor, kernel: Tensor) -> Tensor:
    """Return the causal convolution of rows with a filter of the same length, in fp32.

    On a CPU it is computed in fp64, since rounding adds up over long rows.

    Parameters
    ----------
    x
        (rows, hidden, tokens).
    kernel
        (hidden, tokens).
    """
    tokens = x.shape[-1]
    exact = torch.float64 if x.device.type == "cpu" else torch.float32
    with torch.autocast(x.device.type, enabled=False):
        size = 2 * tokens
        product = torch.fft.rfft(x.to(exact), n=size) * torch.fft.rfft(kernel.to(exact), n=size)
        return torch.fft.irfft(product, n=size)[..., :tokens].float()
