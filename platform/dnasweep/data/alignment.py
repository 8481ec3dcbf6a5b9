"""Identity of many pairs of sequences at once, by a banded alignment in numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dnasweep.formats.bases import Codes, FlatCodes

BAND = 12
"""Maximum distance in bases of an alignment from its diagonal, to either side."""

_PAD_FIRST, _PAD_SECOND = 5, 6
_CELLS = 2_000_000


def banded_identity(
    flat: FlatCodes,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    shift: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the identity of pairs of sequences along a diagonal, (pairs,).

    The alignment has free overhangs and maximises identical bases less half a base for each gap
    base (a substitution costs the match only); the identity is that maximum over the length of the
    shorter sequence. Letters other than ACGT match nothing.

    Parameters
    ----------
    flat
        The sequences.
    first, second
        (pairs,) the sequences of each pair.
    shift
        (pairs,) base p of the first is roughly aligned with base p + shift of the second.
    """
    lengths = np.diff(flat.offsets)
    shorter = np.minimum(lengths[first], lengths[second])
    scores = np.zeros(len(first))
    if len(first) == 0:
        return scores
    # Batches contain pairs of similar length, so there is little padding.
    order = np.argsort(lengths[first], kind="stable")
    longest = int(lengths[first].max())
    batch = max(1, _CELLS // max(longest, 1))
    for begin in range(0, len(order), batch):
        chosen = order[begin : begin + batch]
        scores[chosen] = _scores(flat, first[chosen], second[chosen], shift[chosen])
    return np.divide(scores, shorter, out=np.zeros(len(first)), where=shorter > 0)


def _scores(
    flat: FlatCodes,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    shift: NDArray[np.int64],
) -> NDArray[np.float64]:
    rows = int(np.diff(flat.offsets)[first].max())
    width = 2 * BAND + 1
    a = _gather(flat, first, np.zeros_like(first), rows, _PAD_FIRST)
    b = _gather(flat, second, shift - BAND, rows + width - 1, _PAD_SECOND)
    # Twice the score keeps the half bases whole. Cell [o] of row i aligns base i of the first with
    # base i + shift + o - BAND of the second. Padding matches nothing and a mismatch costs nothing,
    # so running off either end along a diagonal is free: that is the free overhang.
    whole = np.int16 if rows < 16_000 else np.int32
    score = np.zeros((width, len(first)), dtype=whole)
    for i in range(rows):
        gap_in_second = score[1:] - whole(1)
        score += (b[i : i + width] == a[i]).astype(whole) * 2
        np.maximum(score[:-1], gap_in_second, out=score[:-1])
        # A gap of g bases in the first comes from g cells to the left. Doubling the reach finds all
        # of them in a few whole-array steps; np.maximum.accumulate is ten times slower here.
        reach = 1
        while reach < width:
            np.maximum(score[reach:], score[:-reach] - whole(reach), out=score[reach:])
            reach *= 2
    return score.max(axis=0) / 2.0


def _gather(
    flat: FlatCodes,
    which: NDArray[np.int64],
    begin: NDArray[np.int64],
    width: int,
    padding: int,
) -> Codes:
    """Return (width, sequences) codes starting at `begin`, padded beyond the ends of sequences."""
    position = np.arange(width)[:, None] + begin
    inside = (position >= 0) & (position < np.diff(flat.offsets)[which])
    index = np.where(inside, position + flat.offsets[which], 0)
    codes = np.where(inside, flat.codes[index], padding).astype(np.uint8)
    if padding == _PAD_FIRST:
        codes[codes == 4] = padding
    return codes
