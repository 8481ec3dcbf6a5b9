"""Masking schemes without scores: single tokens, and all tokens that share a base."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.config import TokenizerConfig
from dnasweep.tokens.masking.scheme import BASE, CHOICE, Draw, MaskingScheme, Tokens, register


@register("random")
class RandomMasking(MaskingScheme):
    """Each token independently with probability `rate` (Devlin et al., BERT, NAACL 2019).

    At least one token per row is masked. If tokens overlap, visible neighbours show nearly every
    base that must be predicted.
    """

    def choose(self, tokens: Tokens, draw: Draw) -> NDArray[np.bool_]:
        """Choose tokens independently."""
        return at_rate(draw(CHOICE), tokens.maskable, self.config.rate)


@register("span")
class SpanMasking(MaskingScheme):
    """All tokens that contain one base of a centre, like DNABERT's masking of overlapping k-mers.

    Centres are drawn independently, at least one per row. Each masks one base: the tokens that
    contain it are predicted, so no visible neighbour shows it. With stride 1 this is base k // 2
    of the centre, and the tokens are c-2 ... c+3 for k = 6, DNABERT's own offsets (Ji et al.,
    DNABERT, Bioinformatics 2021). With stride s the base is drawn from the s bases around this
    position, so all bases of a sequence have the same probability. A centre whose base is in no
    other token is masked alone.

    On average k / s tokens contain a base, so centres are drawn with probability rate * s / k
    (DNABERT: 0.15 / k). Because spans may overlap, the fraction of predicted tokens is slightly
    below `rate`: 13.9 % for k = 6 at 15 %.

    The tokens of one run are all replaced by [MASK], all replaced at random, or all unchanged: if
    this were drawn for each token, an unchanged token would show the base that its neighbours must
    predict.
    """

    @classmethod
    def refusal(cls, tokenizer: TokenizerConfig) -> str:
        """Return the reason if tokens share no bases, because each would then be masked alone."""
        if tokenizer.overlapping:
            return ""
        return "its tokens share no bases, so span would be the same as random"

    def choose(self, tokens: Tokens, draw: Draw) -> NDArray[np.bool_]:
        """Choose centres, and all tokens that contain the base of a centre."""
        tokenizer = self.tokenizer.config
        rate = self.config.rate * tokenizer.stride / tokenizer.k
        chosen = at_rate(draw(CHOICE), tokens.maskable, rate)
        chosen[around_base(tokenizer, tokens, np.nonzero(chosen), draw).positions] = True
        return chosen


Positions = tuple[NDArray[np.int64], ...]
"""Rows (ascending) and columns of some tokens of a batch, as returned by `numpy.nonzero`."""


class Neighbours(NamedTuple):
    """Neighbours of some tokens, including themselves; all arrays have shape ``(n, m)``."""

    row: NDArray[np.int64]
    """Rows of the neighbours."""
    column: NDArray[np.int64]
    """Columns of the neighbours."""
    touch: NDArray[np.bool_]
    """Whether each neighbour contains one of the given bases."""

    @property
    def positions(self) -> Positions:
        """Return the positions of neighbours that contain one of the bases."""
        return self.row[self.touch], self.column[self.touch]


def at_rate(
    draws: NDArray[np.float64], maskable: NDArray[np.bool_], rate: float
) -> NDArray[np.bool_]:
    """Choose maskable tokens with draws below `rate`, but at least the lowest draw of each row.

    Parameters
    ----------
    draws
        Uniform numbers in [0, 1), shape ``(B, T)``.
    maskable
        Tokens that may be chosen, shape ``(B, T)``.
    rate
        Probability of each token.
    """
    draws = np.where(maskable, draws, 2.0)
    if draws.shape[1] == 0:
        return maskable.copy()
    return (draws < rate) | (maskable & (draws == draws.min(axis=1, keepdims=True)))


def around_base(
    tokenizer: TokenizerConfig, tokens: Tokens, centres: Positions, draw: Draw
) -> Neighbours:
    """Return which neighbours of each centre contain the base that it masks.

    Parameters
    ----------
    tokenizer
        Length and stride of the k-mers.
    tokens
        Batch of tokens.
    centres
        The centres.
    draw
        Random generator.
    """
    offset = np.full(centres[0].size, tokenizer.k // 2 - tokenizer.stride // 2)
    if tokenizer.stride > 1:
        offset += (draw(BASE)[centres] * tokenizer.stride).astype(np.int64)
    # Tokens of the tail have one base.
    base = np.minimum(tokens.starts[centres] + offset, tokens.ends[centres] - 1)
    return _neighbours(tokenizer, tokens, centres, base, base + 1)


def overlapping_with(
    tokenizer: TokenizerConfig, tokens: Tokens, positions: Positions
) -> Neighbours:
    """Return which neighbours of each token share a base with it.

    Parameters
    ----------
    tokenizer
        Length and stride of the k-mers.
    tokens
        Batch of tokens.
    positions
        The tokens.
    """
    first, last = tokens.starts[positions], tokens.ends[positions]
    return _neighbours(tokenizer, tokens, positions, first, last)


def _neighbours(
    tokenizer: TokenizerConfig,
    tokens: Tokens,
    positions: Positions,
    first: NDArray[np.integer],
    last: NDArray[np.integer],
) -> Neighbours:
    """Return the tokens near k-mers, and whether they contain a base of ``first[i]:last[i]``."""
    reach = (tokenizer.k - 1) // tokenizer.stride
    column = positions[1][:, None] + np.arange(-reach, reach + 1)
    column = np.clip(column, 0, tokens.ids.shape[1] - 1)
    row = positions[0][:, None].repeat(column.shape[1], 1)
    touch = (tokens.starts[row, column] < last[:, None]) & (
        tokens.ends[row, column] > first[:, None]
    )
    return Neighbours(row, column, touch)
