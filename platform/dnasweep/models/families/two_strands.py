"""Hidden states of both strands in a Caduceus with the reverse complement built in.

The first half of the channels belongs to the given strand, the second to the other strand, with tokens and
channels reversed. Both halves are computed with the same weights.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from dnasweep.devices import to_device
from dnasweep.models.families.mamba import BidirectionalMamba, normalisation


def other_half(x: Tensor) -> Tensor:
    """Return states with tokens and channels reversed, (rows, tokens, channels)."""
    return x.flip(1, 2)


class _Mixer(nn.Module):
    """The mixer of both halves, under the name used for its weights."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.submodule = BidirectionalMamba(config)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        both = self.submodule(torch.cat([first, other_half(second)]))
        first, second = both.chunk(2)
        return torch.cat([first, other_half(second)], dim=-1)


class _NamedNorm(nn.Module):
    """A normalisation, under the name used for its weights without `fused_add_norm`."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.submodule = normalisation(config)

    def forward(self, x: Tensor) -> Tensor:
        return self.submodule(x)


def strand_norm(config: Any) -> nn.Module:
    """Return the normalisation of one half, under the names used for its weights.

    Parameters
    ----------
    config
        Settings of a Caduceus with both strands.
    """
    return normalisation(config) if config.fused_add_norm else _NamedNorm(config)


class TwoStrandBlock(nn.Module):
    """A block over both halves, which are swapped in the normalisation used in training.

    Parameters
    ----------
    config
        Settings of a Caduceus. Without `fused_add_norm` the halves are not swapped.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.norm = strand_norm(config)
        self.mixer = _Mixer(config)
        self.exchanges = config.fused_add_norm

    def forward(self, x: Tensor, residual: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the output of the block and the residual, each (rows, tokens, channels).

        Parameters
        ----------
        x, residual
            Values returned by the previous block; the first block has no residual.
        """
        residual = x if residual is None else x + residual
        first, second = residual.chunk(2, dim=-1)
        if self.exchanges:
            first, second = second, first
        mixed = self.mixer(self.norm(first), other_half(self.norm(other_half(second))))
        return mixed, torch.cat([first, second], dim=-1)


class TwoStrandEmbeddings(nn.Module):
    """Token embeddings of both strands.

    Parameters
    ----------
    config
        Settings of a Caduceus.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.num_embeddings, config.d_model)
        self.complements = config.complements()

    def forward(self, ids: Tensor) -> Tensor:
        """Return the embeddings of token ids, (rows, tokens, channels of both halves)."""
        # The other strand, reversed twice, has the complement of each token at the position of the token.
        there = to_device(torch.tensor(self.complements), ids.device)[ids]
        return torch.cat([self.embedding(ids), self.embedding(there).flip(-1)], dim=-1)


class TwoStrandHead(nn.Module):
    """The language model head, which reads both halves with the same weights.

    Parameters
    ----------
    config
        Settings of a Caduceus.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.lm_head = nn.Linear(config.d_model, config.num_embeddings, bias=False)
        self.complements = config.complements()

    def forward(self, states: Tensor) -> Tensor:
        """Return the vocabulary logits of hidden states, (..., embeddings).

        Parameters
        ----------
        states
            Last hidden states, (..., channels of both halves).
        """
        first, second = states.chunk(2, dim=-1)
        complements = to_device(torch.tensor(self.complements), states.device)
        # The logit of a base on the other strand belongs to its complement on the given strand.
        there = self.lm_head(second.flip(-1))[..., complements]
        return self.lm_head(first) + there
