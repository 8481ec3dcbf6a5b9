"""Masking of k-mers with correlated bases, by a table of mutual information.

Both schemes look up the score of the token at a position. (The code released with GeneMask instead
decodes the position number as a token, and therefore prefers the same positions in every
sequence.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dnasweep.config import MaskingConfig, TokenizerConfig
from dnasweep.errors import InputError
from dnasweep.tokens.masking.plain import around_base, overlapping_with
from dnasweep.tokens.masking.scheme import CHOICE, TIE, Draw, MaskingScheme, Tokens, register
from dnasweep.tokens.ngrams import all_kmers
from dnasweep.tokens.pmi import PmiTable
from dnasweep.tokens.tokenizers import DnaTokenizer

ALL_CENTRES_BELOW = 5
"""GeneMask masks the wider surroundings of all centres if half of them are fewer than this."""


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
        """Return the reason if the tokens are not k-mers of one length."""
        if tokenizer.kind == "kmer":
            return ""
        if tokenizer.kind == "char":
            return "a single base has no mutual information"
        return "its tokens differ in length, and the scores of k-mers do not rank them"

    def order(self, tokens: Tokens, draw: Draw) -> NDArray[np.float64]:
        """Return a number for each token, lower for better k-mers, shape ``(B, T)``.

        Equal k-mers, and k-mers that share a rank, are ordered at random rather than by position.
        Tokens that are not maskable come last.
        """
        return np.where(tokens.maskable, self._ranks[tokens.ids] + draw(TIE), np.inf)


@register("genemask")
class GeneMasking(RankedMasking):
    """GeneMask as described in its paper (Roy et al., ECAI 2023, arXiv:2307.15933).

    Centres are drawn independently. The tokens that contain the base of a centre are masked, as in
    `span`; the one with the best k-mer is the focus of the centre. Of m centres, the ceil(m / 2)
    with the best foci, or all of them if ceil(m / 2) is less than five, also mask every token that
    shares a base with the focus (11 tokens for k = 6), so all bases of a correlated k-mer are
    hidden.

    With stride s, a centre masks k / s tokens on average and a focus 2 ((k - 1) // s) + 1. Centres
    are drawn with the probability rate divided by the mean of the two: 0.15 / 8.5 = 0.0176 for k =
    6. This masks 15.3 % of 510 tokens, and 17 % of 65 to 145 tokens, where centres are few and all
    are widened. A row may have no centre; forcing one would mask short sequences far above the
    rate.
    """

    @classmethod
    def refusal(cls, tokenizer: TokenizerConfig) -> str:
        """Return the reason also if tokens do not overlap, which leaves no neighbours."""
        reason = super().refusal(tokenizer)
        if reason or tokenizer.overlapping:
            return reason
        return "its tokens share no bases, so there is no better k-mer around a centre"

    def choose(self, tokens: Tokens, draw: Draw) -> NDArray[np.bool_]:
        """Choose the tokens of all centres, and all that touch the foci of the better half."""
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

    The number of chosen tokens is that of independent draws for each token, but the tokens with
    the best k-mers of the row are chosen; every token that shares a base with one of them is also
    masked. With stride s, a chosen token masks 2 ((k - 1) // s) + 1 tokens, and the probability of
    the draws is the rate divided by this number: 0.15 / 11 for overlapping 6-mers. Good k-mers
    occur in runs, so their surroundings overlap and the measured rate is below `rate`: 12 % for
    6-mers. A row may have no masked token.
    """

    def choose(self, tokens: Tokens, draw: Draw) -> NDArray[np.bool_]:
        """Choose the best k-mers and all tokens that touch them."""
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
    """Return how many tokens share a base with an inner token, including itself.

    Examples
    --------
    >>> focus_width(TokenizerConfig.parse("kmer-6-overlap"))
    11
    """
    return 2 * ((tokenizer.k - 1) // tokenizer.stride) + 1


def token_ranks(tokenizer: DnaTokenizer, table: PmiTable) -> NDArray[np.float64]:
    """Return the rank of the k-mer of each id; tokens that are not in the table come last."""
    ranks = dict(zip(all_kmers(table.k), table.ranks.tolist(), strict=True))
    return np.array([ranks.get(token, 4.0**table.k + 1) for token in tokenizer.tokens])


def check_table(k: int, tokenizer: TokenizerConfig) -> None:
    """Refuse a table whose k-mers differ in length from the tokens.

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
    """Return whether each centre is in the better half of its row, or its row has few."""
    number = np.bincount(row)
    half = (number + 1) // 2
    half = np.where(half < ALL_CENTRES_BELOW, number, half)
    sorted_places = np.lexsort((order, row))
    within = np.arange(row.size) - (np.cumsum(number) - number)[row]
    high = np.zeros(row.size, bool)
    high[sorted_places] = within < half[row]
    return high
