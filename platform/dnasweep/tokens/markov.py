"""Markov chains over bases: the baseline for masked language models.

A chain of order k predicts a base from the k bases before it; with both sides it also uses the k
bases after it, like a masked language model, and is the fairer control. The counts of a context
are smoothed by pseudo-counts in proportion to the predictions of the context without its furthest
base, and for order 0 by one per base (Laplace), so unseen contexts fall back to shorter ones. The
number of pseudo-counts is chosen for each context length by the leave-one-out likelihood of the
training bases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from dnasweep.tokens.alphabet import digits

_PSEUDO_COUNTS = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0)
_LARGEST = 12


def markov_bits_per_base(
    train_sequences: Sequence[str],
    evaluated_sequences: Sequence[str],
    *,
    order: int = 5,
    both_sides: bool = False,
) -> float:
    """Fit a chain on training sequences and evaluate it on others.

    Parameters
    ----------
    train_sequences, evaluated_sequences
        DNA sequences as strings.
    order
        Number of context bases per side, from 0; at most 12, or 6 with both sides. Contexts are
        shortened at ends of sequences and at N.
    both_sides
        Whether bases after the predicted base are also used.

    Returns
    -------
    bits_per_base
        Mean of ``-log2 P`` over all A, C, G and T of the evaluated sequences; 2 for bases drawn uniformly at random.

    Raises
    ------
    ValueError
        If `order` is out of range or the evaluated sequences have no A, C, G or T.

    Examples
    --------
    >>> round(markov_bits_per_base(["ACGT" * 200], ["ACGT" * 50], order=1), 2)
    0.02
    """
    largest = _LARGEST // 2 if both_sides else _LARGEST
    if not 0 <= order <= largest:
        raise ValueError(f"order {order} must be from 0 to {largest}")
    neighbours = [-distance for distance in range(1, order + 1)]
    if both_sides:
        neighbours = [place for left in neighbours for place in (left, -left)]
    train, evaluated = _letters(train_sequences), _letters(evaluated_sequences)
    bases = np.flatnonzero(evaluated != 4)
    if not bases.size:
        raise ValueError("the evaluated sequences have no A, C, G or T")
    probability = np.empty(evaluated.size)
    table = np.full((1, 4), 0.25)
    levels = zip(_contexts(train, neighbours), _contexts(evaluated, neighbours), strict=True)
    for level, ((places, context), (evaluated_places, evaluated_context)) in enumerate(levels):
        size = 4**level
        counts = np.bincount(context * 4 + train[places], minlength=size * 4).reshape(size, 4)
        # The furthest base is the leading digit, so the shorter table is repeated for its values.
        table = _smoothed(counts, table if level == 0 else np.tile(table, (4, 1)), level)
        probability[evaluated_places] = table[evaluated_context, evaluated[evaluated_places]]
    return float(-np.log2(probability[bases]).mean())


def _letters(sequences: Sequence[str]) -> NDArray[np.uint8]:
    # Each sequence ends with a letter that is not a base, so no context crosses sequences.
    return digits("|" + "".join(f"{sequence}|" for sequence in sequences))


def _contexts(
    letters: NDArray[np.uint8], neighbours: Sequence[int]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield positions and context numbers of bases that have the first 0, 1, ... neighbours."""
    places = np.flatnonzero(letters != 4)
    context = np.zeros(places.size, np.int64)
    yield places, context
    for level, neighbour in enumerate(neighbours):
        # If the nearer neighbours of a base are bases, this index is inside the array.
        letter = letters[places + neighbour]
        whole = letter != 4
        places = places[whole]
        context = context[whole] + letter[whole].astype(np.int64) * 4**level
        yield places, context


def _smoothed(
    counts: NDArray[np.int64], lower: NDArray[np.float64], level: int
) -> NDArray[np.float64]:
    """Return P(base | context), shape of `counts`."""
    totals = counts.sum(axis=1, keepdims=True)
    strength = 4.0
    if level:
        seen = counts > 0
        own, prior = counts[seen], lower[seen]
        total = np.broadcast_to(totals, counts.shape)[seen]

        def left_out(pseudo: float) -> float:
            return float((own * np.log((own - 1 + pseudo * prior) / (total - 1 + pseudo))).sum())

        strength = max(_PSEUDO_COUNTS, key=left_out)
    smoothed: NDArray[np.float64] = (counts + strength * lower) / (totals + strength)
    return smoothed
