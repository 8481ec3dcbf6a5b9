"""Pairs of complementary coalitions, drawn without replacement, and their weights in least squares.

Shapley values depend on the outputs only through the differences between coalitions and their
complements. Each pair is represented by its smaller coalition, or by the one with the first token if both
have the same size.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from math import comb

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]

MAX_LISTED = 100_000
"""Up to this many pairs of one size are enumerated to choose among them; of more, some are drawn."""
MANY = 10**9
"""More pairs than are ever drawn."""


def draw_pairs(
    num_tokens: int, num_pairs: int, rng: np.random.Generator, *, seen: Masks | None = None
) -> Masks:
    """Return different pairs in random order, (pairs, tokens): `num_pairs`, or all if there are fewer.

    Sizes are drawn with equal probability, as with leverage scores (Musco & Witter 2025), and
    systematically: each size gets its share up to rounding. If a size has fewer pairs than its share, all
    of them are taken and the other sizes get more. The members of coalitions of one size are drawn
    without replacement until all tokens have been used.

    Parameters
    ----------
    num_tokens
        Tokens of the sequence without special tokens, at least 2.
    num_pairs
        Requested number of pairs; each costs two evaluations.
    rng
        Random generator.
    seen
        Pairs that are not drawn again, (pairs, tokens).
    """
    known = set() if seen is None else set(_keys(seen))
    totals = _totals(num_tokens)
    seen_sizes = np.zeros(0, np.int64) if seen is None else seen.sum(1)
    left = totals - np.bincount(seen_sizes, minlength=len(totals) + 1)[1:]
    counts = _counts(num_tokens, np.minimum(left, num_pairs), num_pairs, rng)
    found = [
        _of_size(num_tokens, i + 1, int(counts[i]), int(totals[i]), rng, known)
        for i in np.flatnonzero(counts).tolist()
    ]
    if not found:
        return np.zeros((0, num_tokens), bool)
    pairs = np.concatenate(found)
    return pairs[rng.permutation(len(pairs))]


def num_pairs_of(num_tokens: int) -> int:
    """Return how many pairs of coalitions there are without the empty and the full one.

    Examples
    --------
    >>> num_pairs_of(3)
    3
    """
    return 2 ** (num_tokens - 1) - 1


def kernel_weights(pairs: Masks) -> Floats:
    """Return the least-squares weights that give Shapley values, (pairs,); their mean is 1.

    The weight of a size is its share under the Shapley kernel, 1 / (k (tokens - k)), divided by its share
    of the draws (Lundberg & Lee 2017).

    Parameters
    ----------
    pairs
        Pairs as drawn, shape (pairs, tokens).
    """
    sizes = pairs.sum(1)
    weights: Floats = _kernel(sizes, pairs.shape[1]) / np.bincount(sizes)[sizes]
    return weights / weights.mean()


def weights_beside(pairs: Masks, others: Masks) -> tuple[Floats, Floats, Floats]:
    """Return least-squares weights if some pairs represent themselves and others all remaining pairs.

    If all existing pairs have been drawn, pairs of one size have equal weights and represent no pairs
    that have not been drawn.

    Parameters
    ----------
    pairs
        Pairs that represent themselves, (pairs, tokens).
    others
        Pairs that represent all pairs not in `pairs`, (others, tokens).

    Returns
    -------
    Weights of `pairs` and of `others`, the latter with mean 1, and for each of `others` the fraction of the
    pairs it represents that have not been drawn.
    """
    tokens = pairs.shape[1]
    totals = np.append(1, _totals(tokens)).astype(float)
    own, more = (
        np.bincount(one.sum(1), minlength=len(totals)).astype(float) for one in (pairs, others)
    )
    each = _kernel(np.arange(len(totals)).clip(1), tokens) / totals
    stand_for = (totals - own) / more.clip(1)
    first, second = pairs.sum(1), others.sum(1)
    weights = (each * stand_for)[second]
    unseen = 1 - 1 / stand_for[second]
    return each[first] / weights.mean(), weights / weights.mean(), unseen


def _kernel(sizes: NDArray[np.int64], tokens: int) -> Floats:
    kernel: Floats = np.where(2 * sizes == tokens, 0.5, 1.0) / (sizes * (tokens - sizes))
    return kernel


def _totals(num_tokens: int) -> NDArray[np.int64]:
    """Return how many pairs there are of each size, `MANY` for more, (sizes,)."""
    totals = np.full(num_tokens // 2, MANY, np.int64)
    for size in range(1, num_tokens // 2 + 1):
        number = comb(num_tokens, size) // (2 if 2 * size == num_tokens else 1)
        if number >= MANY:
            break
        totals[size - 1] = number
    return totals


def _counts(
    num_tokens: int, left: NDArray[np.int64], num_pairs: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return how many pairs of each size are drawn, (sizes,)."""
    num_pairs = min(num_pairs, int(left.sum()))
    odds = np.ones(len(left))
    if num_tokens % 2 == 0:
        # Both coalitions of a pair of the middle size have this size.
        odds[-1] = 0.5
    share = np.zeros(len(left))
    free = left > 0
    while free.any():
        wanted = odds * free
        wanted *= (num_pairs - share[~free].sum()) / wanted.sum()
        over = free & (wanted >= left)
        share[free] = wanted[free]
        if not over.any():
            break
        share[over] = left[over]
        free &= ~over
    steps = np.floor(np.cumsum(share) + rng.random() * free.any() + 1e-9).astype(np.int64)
    steps[-1] = num_pairs
    counts = np.diff(np.concatenate([[0], np.minimum(steps, num_pairs)]))
    return np.minimum(counts, left)


def _of_size(
    num_tokens: int,
    size: int,
    count: int,
    total: int,
    rng: np.random.Generator,
    known: set[bytes],
) -> Masks:
    """Return `count` of `total` pairs of one size, (count, tokens), and note them as known."""
    source = _shuffled(num_tokens, size, count, rng)
    if total <= min(MAX_LISTED, 4 * (count + len(known))):
        members = np.array(list(itertools.combinations(range(num_tokens), size)))
        # Pairs with the first token come first.
        source = iter([_masks(num_tokens, members[:total])[rng.permutation(total)]])
    found: list[NDArray[np.bool_]] = []
    for masks in source:
        for mask, key in zip(masks, _keys(masks), strict=True):
            if key not in known and len(found) < count:
                known.add(key)
                found.append(mask)
        if len(found) == count:
            break
    return np.array(found)


def _shuffled(num_tokens: int, size: int, count: int, rng: np.random.Generator) -> Iterator[Masks]:
    """Yield pairs of one size indefinitely, about `count` at a time."""
    at_once = num_tokens // size
    while True:
        shuffles = rng.random((-(-count // at_once), num_tokens)).argsort(1)
        masks = _masks(num_tokens, shuffles[:, : at_once * size].reshape(-1, size))
        if 2 * size == num_tokens:
            masks ^= ~masks[:, :1]
        yield masks


def _masks(num_tokens: int, members: NDArray[np.int64]) -> Masks:
    masks = np.zeros((len(members), num_tokens), bool)
    masks[np.arange(len(members))[:, None], members] = True
    return masks


def _keys(masks: Masks) -> list[bytes]:
    return [row.tobytes() for row in np.packbits(masks, axis=1)]
