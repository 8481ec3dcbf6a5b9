"""Masking schemes that need no scores: single tokens, and all tokens that share a base."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.config import TokenizerConfig
from dnasweep.tokens.masking import BASE, CHOICE, Draw, MaskingScheme, register


@register("random")
class RandomMasking(MaskingScheme):
    """Each token by itself, with probability `rate` (Devlin et al., BERT, NAACL 2019).

    At least one token per row. If tokens overlap, the neighbours that stay visible show nearly
    every base that is to be predicted.
    """

    def choose(self, ids: Any, starts: Any, ends: Any, maskable: Any, draw: Draw) -> Any:
        """Choose tokens independently."""
        return at_rate(draw(CHOICE), maskable, self.config.rate)


@register("span")
class SpanMasking(MaskingScheme):
    """All tokens that contain one base of a centre, as DNABERT masks overlapping k-mers.

    Centres are drawn independently, at least one per row. Each masks one base: the tokens that
    contain it are predicted, so no visible neighbour shows it. With stride 1 it is base k // 2 of
    the centre, and the tokens are c-2 ... c+3 for k = 6, DNABERT's own offsets (Ji et al., DNABERT,
    Bioinformatics 2021). With stride s it is drawn from the s bases around that position, so that
    every base of a sequence is as likely to be drawn as any other. A centre whose base no other
    token contains is masked alone.

    On average k / s tokens contain a base, so centres are drawn with probability rate * s / k
    (DNABERT: 0.15 / k). Spans that run into each other bring the fraction of tokens predicted
    somewhat below `rate`: 13.9 % for k = 6 at 15 %.

    The tokens of one run are all replaced by [MASK], all replaced at random, or all left: if this
    were drawn for each token, a token left as it is would show the base that its neighbours are to
    predict.
    """

    @classmethod
    def refusal(cls, tokenizer: TokenizerConfig) -> str:
        """Refuse tokens that share no base: each base is in one token, which would be masked alone."""
        if tokenizer.overlapping:
            return ""
        return "its tokens share no bases, so that span would be random under another name"

    def choose(self, ids: Any, starts: Any, ends: Any, maskable: Any, draw: Draw) -> Any:
        """Choose centres, and with each all tokens that contain its base."""
        tokenizer = self.tokenizer.config
        rate = self.config.rate * tokenizer.stride / tokenizer.k
        chosen = at_rate(draw(CHOICE), maskable, rate)
        centres = TokenPositions(*np.nonzero(chosen))
        near, contain = around_base(tokenizer, centres, starts, ends, draw)
        chosen[centres.row[:, None].repeat(near.shape[1], 1)[contain], near[contain]] = True
        return chosen


class TokenPositions(NamedTuple):
    """Tokens of a batch, both arrays of shape ``(n,)``."""

    row: NDArray[np.int64]
    """Rows, ascending."""
    column: NDArray[np.int64]
    """Positions in the row."""


def at_rate(
    draws: NDArray[np.float64], maskable: NDArray[np.bool_], rate: float
) -> NDArray[np.bool_]:
    """Choose maskable tokens with draws below `rate`, and in each row at least the lowest one.

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
    tokenizer: TokenizerConfig,
    centres: TokenPositions,
    starts: NDArray[np.int32],
    ends: NDArray[np.int32],
    draw: Draw,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the neighbours of each centre, and which of them contain the base that it masks.

    Parameters
    ----------
    tokenizer
        Length and stride of the k-mers.
    centres
        The centres.
    starts, ends
        First base and one past the last base of each token, shape ``(B, T)``.
    draw
        The randomness.

    Returns
    -------
    near
        Columns from the first to the last token that may overlap a centre, shape ``(n, m)``.
    contain
        Which of these do contain its base, the centre among them, shape ``(n, m)``.
    """
    row, column = centres
    offset = np.full(row.size, tokenizer.k // 2 - tokenizer.stride // 2)
    if tokenizer.stride > 1:
        offset += (draw(BASE)[row, column] * tokenizer.stride).astype(np.int64)
    # A token of the tail has one base.
    base = np.minimum(starts[row, column] + offset, ends[row, column] - 1)[:, None]
    near = neighbours(tokenizer, column, starts.shape[1])
    return near, (starts[row[:, None], near] <= base) & (base < ends[row[:, None], near])


def overlapping_with(
    tokenizer: TokenizerConfig,
    positions: TokenPositions,
    starts: NDArray[np.int32],
    ends: NDArray[np.int32],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the neighbours of each token, and which of them share a base with it, both ``(n, m)``.

    The token itself is among them.

    Parameters
    ----------
    tokenizer
        Length and stride of the k-mers.
    positions
        The tokens.
    starts, ends
        First base and one past the last base of each token, shape ``(B, T)``.
    """
    row, column = positions
    near = neighbours(tokenizer, column, starts.shape[1])
    first, last = starts[row, column][:, None], ends[row, column][:, None]
    return near, (starts[row[:, None], near] < last) & (ends[row[:, None], near] > first)


def neighbours(
    tokenizer: TokenizerConfig, column: NDArray[np.int64], width: int
) -> NDArray[np.int64]:
    """Return the columns that k-mers may reach from each of some columns, shape ``(n, m)``.

    Parameters
    ----------
    tokenizer
        Length and stride of the k-mers.
    column
        Columns, shape ``(n,)``.
    width
        Columns in all.
    """
    reach = (tokenizer.k - 1) // tokenizer.stride
    return np.clip(column[:, None] + np.arange(-reach, reach + 1), 0, width - 1)
