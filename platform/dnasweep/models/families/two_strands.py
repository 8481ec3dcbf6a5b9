"""Hidden states of both strands, of a Caduceus with the reverse complement built in.

The first half of the channels is that of the strand given; the second that of the other strand, both its
tokens and its channels reversed. One set of weights computes both.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from dnasweep.devices import to_device
from dnasweep.models.families.mamba import BidirectionalMamba, normalisation


def other_half(x: Tensor) -> Tensor:
    """Return the tokens and the channels of states in reverse, (rows, tokens, channels)."""
    return x.flip(1, 2)


class _Mixer(nn.Module):
    """The mixer of both halves, by the name that its weights have."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.submodule = BidirectionalMamba(config)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        both = self.submodule(torch.cat([first, other_half(second)]))
        first, second = both.chunk(2)
        return torch.cat([first, other_half(second)], dim=-1)


class _NamedNorm(nn.Module):
    """A normalisation, by the name that its weights have without `fused_add_norm`."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.submodule = normalisation(config)

    def forward(self, x: Tensor) -> Tensor:
        return self.submodule(x)


def strand_norm(config: Any) -> nn.Module:
    """Return the normalisation of one half, by the names that its weights have.

    Parameters
    ----------
    config
        Settings of a Caduceus with both strands.
    """
    return normalisation(config) if config.fused_add_norm else _NamedNorm(config)


class TwoStrandBlock(nn.Module):
    """A block over both halves, which change places in the normalisation that the models were trained with.

    Parameters
    ----------
    config
        Settings of a Caduceus. Without `fused_add_norm` the halves keep their places.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.norm = strand_norm(config)
        self.mixer = _Mixer(config)
        self.exchanges = config.fused_add_norm

    def forward(self, x: Tensor, residual: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return what the block adds, and the residual that goes beside it, (rows, tokens, channels).

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
        # The other strand, reversed twice: each token's complement where the token is.
        there = to_device(torch.tensor(self.complements), ids.device)[ids]
        return torch.cat([self.embedding(ids), self.embedding(there).flip(-1)], dim=-1)


class TwoStrandHead(nn.Module):
    """The language model's head, which reads both halves with the same weights.

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
        # The other strand's logit of a base is that of its complement here.
        there = self.lm_head(second.flip(-1))[..., complements]
        return self.lm_head(first) + there
