"""A bidirectional Mamba layer, and the normalisation before it."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dnasweep.models.families.selective_scan import selective_scan


class RootMeanSquareNorm(nn.Module):
    """x / sqrt(mean(x^2) + eps) * weight.

    Parameters
    ----------
    width
        Number of channels.
    eps
        Constant added to the mean square.
    """

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised states, with the shape of `x`."""
        scale = torch.rsqrt(x.float().square().mean(-1, keepdim=True) + self.eps)
        return (x.float() * scale).to(x.dtype) * self.weight


def normalisation(config: Any) -> nn.Module:
    """Return the normalisation of a Caduceus: RMSNorm, or LayerNorm.

    Parameters
    ----------
    config
        Settings of a Caduceus, with `d_model`, `norm_epsilon` and `rms_norm`.
    """
    kind = RootMeanSquareNorm if config.rms_norm else nn.LayerNorm
    return kind(config.d_model, eps=config.norm_epsilon)


class Mamba(nn.Module):
    """One direction of a Mamba layer.

    Parameters
    ----------
    config
        Settings of a Caduceus, with `d_model` and `ssm_cfg`.
    projected
        Whether it has its own input and output projections.
    """

    def __init__(self, config: Any, *, projected: bool) -> None:
        super().__init__()
        given = config.ssm_cfg or {}
        self.states = int(given.get("d_state", 16))
        kernel, width = int(given.get("d_conv", 4)), config.d_model
        channels = int(given.get("expand", 2) * width)
        rank = given.get("dt_rank", "auto")
        self.rank = math.ceil(width / 16) if rank == "auto" else int(rank)
        bias = bool(given.get("bias", False))
        if projected:
            self.in_proj = nn.Linear(width, 2 * channels, bias=bias)
            self.out_proj = nn.Linear(channels, width, bias=bias)
        self.conv1d = nn.Conv1d(
            channels,
            channels,
            kernel,
            groups=channels,
            padding=kernel - 1,
            bias=bool(given.get("conv_bias", True)),
        )
        self.x_proj = nn.Linear(channels, self.rank + 2 * self.states, bias=False)
        self.dt_proj = nn.Linear(self.rank, channels)
        self.A_log = nn.Parameter(torch.zeros(channels, self.states))
        self.D = nn.Parameter(torch.ones(channels))

    def forward(self, projected: Tensor) -> Tensor:
        """Return the output of the recurrence, (rows, tokens, channels).

        Parameters
        ----------
        projected
            Inputs and gates, (rows, tokens, 2 channels).
        """
        x, gate = projected.chunk(2, dim=-1)
        x = F.silu(self.conv1d(x.transpose(1, 2))[..., : x.shape[1]]).transpose(1, 2)
        dt, b, c = self.x_proj(x).split([self.rank, self.states, self.states], dim=-1)
        dt = F.softplus(self.dt_proj(dt).float())
        y = selective_scan(x, dt, -torch.exp(self.A_log.float()), b, c, self.D)
        return y.to(gate.dtype) * F.silu(gate)


class BidirectionalMamba(nn.Module):
    """A Mamba from left to right and one from right to left, added or multiplied.

    Parameters
    ----------
    config
        Settings of a Caduceus. With `bidirectional_weight_tie` both directions share their projections;
        without `bidirectional` there is only the first direction.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.tied = config.bidirectional_weight_tie
        self.multiplies = config.bidirectional_strategy == "ew_multiply"
        self.mamba_fwd = Mamba(config, projected=True)
        self.mamba_rev = Mamba(config, projected=not self.tied) if config.bidirectional else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the mixed states, with the shape of `x`, (rows, tokens, hidden)."""
        ahead = self.mamba_fwd
        y = ahead.out_proj(ahead(ahead.in_proj(x)))
        if self.mamba_rev is None:
            return y
        back = ahead if self.tied else self.mamba_rev
        behind = back.out_proj(self.mamba_rev(back.in_proj(x).flip(1)).flip(1))
        return y * behind if self.multiplies else y + behind
