"""Masking of k-mers whose bases belong together, by a table of mutual information.

Both schemes look up the score of the token at a position, never of the position itself: if the
sequence changes, other tokens are masked. (The code released with GeneMask decodes the position
itself as a token, and so masks the same preferred positions in every sequence.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dnasweep.config import MaskingConfig, TokenizerConfig
from dnasweep.errors import InputError
from dnasweep.tokens.alphabet import digits, window_codes
from dnasweep.tokens.masking.plain import around_base, overlapping_with
from dnasweep.tokens.masking.scheme import CHOICE, TIE, Draw, MaskingScheme, Tokens, register
from dnasweep.tokens.pmi import PmiTable
from dnasweep.tokens.tokenizers import DnaTokenizer

ALL_CENTRES_BELOW = 5
"""GeneMask widens around every centre if half of them would be fewer than this."""


class RankedMasking(MaskingScheme):
    """A scheme that ranks tokens by the score of their k-mers.

    Parameters
    ----------
    config, tokenizer, table
        As for :class:`~dnasweep.tokens.masking.MaskingScheme`.
    """

    need_pmi = True

    def __init__(
        self, config: MaskingConfig, tokenizer: DnaTokenizer, table: PmiTable | None = None
    ) -> None:
        super().__init__(config, tokenizer)
        if table is None:
            raise ValueError(f"masking scheme {self.name} needs a table of k-mers")
        check_table(table.k, tokenizer.config)
        self._ranks = token_ranks(tokenizer, table)

    @classmethod
    def refusal(cls, tokenizer: TokenizerConfig) -> str:
        """Refuse tokens that are not k-mers of one length."""
        if tokenizer.kind == "kmer":
            return ""
        if tokenizer.kind == "char":
            return "a single base has no mutual information"
        return "its tokens differ in length, and the scores of k-mers do not rank them"

    def order(self, tokens: Tokens, draw: Draw) -> NDArray[np.float64]:
        """Return a number for each token, the lower the better its k-mer, shape ``(B, T)``.

        Equal k-mers, and k-mers that share a rank, are ordered by a draw and not by position.
        Tokens that are not maskable come last.
        """
        return np.where(tokens.maskable, self._ranks[tokens.ids] + draw(TIE), np.inf)


@register("genemask")
class GeneMasking(RankedMasking):
    """GeneMask as its paper means it (Roy et al., ECAI 2023, arXiv:2307.15933).

    Centres are drawn independently. The tokens that contain the base of a centre are masked, as by
    `span`; the one among them with the best k-mer is the focus of the centre. Of m centres the
    ceil(m / 2) with the best foci, or all where these would be fewer than five, also mask every
    token that shares a base with the focus (11 tokens for k = 6), so that nothing shows any base of
    a k-mer that belongs together.

    With stride s a centre masks k / s tokens on average and a focus 2 ((k - 1) // s) + 1, and
    centres are drawn with probability rate over the mean of the two: 0.15 / 8.5 = 0.0176 for k = 6.
    That gives 15.3 % of 510 tokens, and 17 % of 65 to 145, where there are few centres and all are
    widened. A row may go without a centre; were one forced on it, short sequences would be masked
    far above the rate.
    """

    @classmethod
    def refusal(cls, tokenizer: TokenizerConfig) -> str:
        """Refuse tokens that do not overlap as well: a centre has no neighbour to choose."""
        reason = super().refusal(tokenizer)
        if reason or tokenizer.overlapping:
            return reason
        return "its tokens share no bases, so there is no better k-mer around a centre"

    def choose(self, tokens: Tokens, draw: Draw) -> NDArray[np.bool_]:
        """Choose what the centres mask, and around the better half all that touches their foci."""
        tokenizer = self.tokenizer.config
        span = tokenizer.k / tokenizer.stride
        rate = self.config.rate * 2 / (span + focus_width(tokenizer))
        chosen = tokens.maskable & (draw(CHOICE) < rate)
        rows, columns = np.nonzero(chosen)
        if not rows.size:
            return chosen
        near = around_base(tokenizer, tokens, (rows, columns), draw)
        chosen[near.positions] = True
        order = np.where(near.touch, self.order(tokens, draw)[near.row, near.column], np.inf)
        best = order.argmin(axis=1)[:, None]
        foci = np.take_along_axis(near.column, best, 1)[:, 0]
        high = _better_half(rows, np.take_along_axis(order, best, 1)[:, 0])
        chosen[overlapping_with(tokenizer, tokens, (rows[high], foci[high])).positions] = True
        return chosen


@register("global_pmi")
class GlobalPmiMasking(RankedMasking):
    """Global PMI: the best k-mers of a whole sequence (Roy et al., arXiv:2408.07180).

    As many tokens are taken as an independent draw at each would give, and they are those with the
    best k-mers of the row; every token that shares a base with one of them is masked too. A token
    masks 2 ((k - 1) // s) + 1 with stride s, and the draws are at rate over that: 0.15 / 11 for
    overlapping 6-mers. Good k-mers lie in runs, and their tokens overlap, so the measured rate stays
    below `rate`: 12 % for 6-mers. A row may go without.
    """

    def choose(self, tokens: Tokens, draw: Draw) -> NDArray[np.bool_]:
        """Choose the best k-mers and all that touches them."""
        tokenizer = self.tokenizer.config
        rate = self.config.rate / focus_width(tokenizer)
        number = (tokens.maskable & (draw(CHOICE) < rate)).sum(axis=1)
        chosen = np.zeros(tokens.ids.shape, bool)
        if not number.any():
            return chosen
        taken = int(number.max())
        order = self.order(tokens, draw)
        best = np.argpartition(order, min(taken, order.shape[1] - 1), axis=1)[:, :taken]
        best = np.take_along_axis(best, np.take_along_axis(order, best, 1).argsort(axis=1), 1)
        row, rank = np.nonzero(np.arange(taken) < number[:, None])
        chosen[overlapping_with(tokenizer, tokens, (row, best[row, rank])).positions] = True
        return chosen


def focus_width(tokenizer: TokenizerConfig) -> int:
    """Return how many tokens share a base with a token inside a sequence, itself counted.

    Examples
    --------
    >>> focus_width(TokenizerConfig.parse("kmer-6-overlap"))
    11
    """
    return 2 * ((tokenizer.k - 1) // tokenizer.stride) + 1


def token_ranks(tokenizer: DnaTokenizer, table: PmiTable) -> NDArray[np.float64]:
    """Return the rank of every id's k-mer; whatever is not a k-mer of the table comes last."""
    ranks = np.full(tokenizer.vocab_size, 4.0**table.k + 1)
    for token_id, token in enumerate(tokenizer.tokens):
        if len(token) == table.k:
            code = int(window_codes(digits(token), table.k)[0])
            if code < 4**table.k:
                ranks[token_id] = code
    kmers = np.flatnonzero(ranks < 4**table.k)
    ranks[kmers] = table.ranks[ranks[kmers].astype(np.int64)]
    return ranks


def check_table(k: int, tokenizer: TokenizerConfig) -> None:
    """Refuse a table of k-mers of another length than the tokens have.

    Raises
    ------
    InputError
        Naming both lengths.
    """
    if k != tokenizer.k:
        raise InputError(
            f"the PMI table is of k-mers of {k} bases, tokens of {tokenizer.name} have "
            f"{tokenizer.k}",
            remedy=f"Give a table of {tokenizer.k}-mers, made by `dnasweep pmi --k {tokenizer.k}`, or "
            "none to have one counted.",
        )


def _better_half(row: NDArray[np.int64], order: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which centres are among the better half of their row, or all of a row with few."""
    number = np.bincount(row)
    half = (number + 1) // 2
    half = np.where(half < ALL_CENTRES_BELOW, number, half)
    sorted_places = np.lexsort((order, row))
    within = np.arange(row.size) - (np.cumsum(number) - number)[row]
    high = np.zeros(row.size, bool)
    high[sorted_places] = within < half[row]
    return high
