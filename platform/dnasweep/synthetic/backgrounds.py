"""Backgrounds for motifs: shuffles of the user's sequences, or random bases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dnasweep.data.negatives import dinucleotide_shuffle
from dnasweep.errors import InputError
from dnasweep.formats.bases import decode


def shuffled_backgrounds(
    sequences: Sequence[str], ids: Sequence[str], num: int, *, seed: int
) -> tuple[list[str], list[str]]:
    """Return `num` shuffles that preserve dinucleotide counts, and the ids of their sequences.

    Each sequence is shuffled once before any is shuffled again; if there are more sequences than needed,
    a random subset is used.

    Parameters
    ----------
    sequences, ids
        Sequences of equal length, of A, C, G and T, and their ids.
    num
        Total number of backgrounds.
    seed
        Seed of the choice and the shuffles.

    Raises
    ------
    InputError
        If sequences differ in length.
    """
    lengths = sorted({len(sequence) for sequence in sequences})
    if len(lengths) > 1:
        raise InputError(
            f"the sequences have {lengths[0]:,} to {lengths[-1]:,} bases, where a motif is to stand at one "
            "place of all",
            remedy=f"Cut them to one length: --crop {lengths[0]}.",
        )
    rng = np.random.default_rng([seed, 0])
    rounds = -(-num // len(sequences))
    order = np.concatenate([rng.permutation(len(sequences)) for _ in range(rounds)])[:num]
    return (
        [
            dinucleotide_shuffle(sequences[row], np.random.default_rng([seed, 1, number]))
            for number, row in enumerate(order.tolist())
        ],
        [ids[row] for row in order.tolist()],
    )


def random_backgrounds(num: int, length: int, gc: float, *, seed: int) -> list[str]:
    """Return sequences of independent bases.

    Parameters
    ----------
    num, length
        Number of sequences, and their length in bases.
    gc
        GC content, from 0 to 1.
    seed
        Seed of the draws.
    """
    shares = np.array([1 - gc, gc, gc, 1 - gc]) / 2
    rng = np.random.default_rng([seed, 2])
    return [decode(row) for row in rng.choice(4, (num, length), p=shares).astype(np.uint8)]


def instances_of(
    probabilities: NDArray[np.float64], num: int, *, drawn: bool, seed: Sequence[int]
) -> list[str]:
    """Return the bases of a motif in each background.

    Parameters
    ----------
    probabilities
        Frequencies of A, C, G and T at each base, (width, 4).
    num
        Number of backgrounds.
    drawn
        Whether the bases of each instance are drawn; otherwise all instances have the most probable bases,
        and ties are broken in the order A, C, G, T.
    seed
        Seed of the draws.
    """
    if not drawn:
        return [decode(probabilities.argmax(1).astype(np.uint8))] * num
    total = probabilities.cumsum(1)
    total /= total[:, -1:]
    draws = np.random.default_rng(seed).random((num, len(probabilities), 1))
    return [decode(row) for row in (draws >= total[:, :-1]).sum(2).astype(np.uint8)]
