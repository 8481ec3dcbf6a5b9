"""How much a change would change anywhere: the same alleles in shuffled surroundings.

gReLU's marginalisation test, made calibrated for few shuffles. What lies before and behind the
variant is shuffled with its dinucleotides kept (Altschul and Erickson 1985); the bases beside the
variant stay. z is the change in the real surroundings, less the mean of the changes in shuffled
ones, over their standard deviation. p is two-sided, from Student's t for one more draw: with n
shuffles, z / sqrt(1 + 1/n) with n - 1 degrees of freedom.
"""

from __future__ import annotations

import functools
import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from dnasweep.genome.alleles import Pair
from dnasweep.genome.bases import reverse_complement
from dnasweep.genome.negatives import dinucleotide_shuffle


def shuffled_pairs(
    pair: Pair, leads: tuple[int, int], ref: str, alt: str, *, num: int, seed: int
) -> list[Pair]:
    """Return the alleles in shuffled copies of what surrounds them, `num` of them.

    The draws depend on the surroundings alone, and are those of the other strand reversed: shards,
    the order of alleles and the strand of the genome change nothing.

    Parameters
    ----------
    pair
        The windows with either allele.
    leads
        Bases before the allele in each of them.
    """
    sides = [
        (window[:lead], window[lead + len(text) :])
        for window, lead, text in zip(pair, leads, (ref, alt), strict=True)
    ]
    before, behind = (max(both, key=len) for both in zip(*sides, strict=True))
    own, other = (before, behind), (reverse_complement(behind), reverse_complement(before))
    turned = other < own
    found = []
    for left, right in _shuffles(*min(own, other), num, seed):
        if turned:
            left, right = reverse_complement(right), reverse_complement(left)
        found.append(
            Pair(
                *(
                    left[len(left) - len(near) :] + text + right[: len(far)]
                    for text, (near, far) in zip((ref, alt), sides, strict=True)
                )
            )
        )
    return found


# The alleles of one place follow each other.
@functools.lru_cache(maxsize=4)
def _shuffles(before: str, behind: str, num: int, seed: int) -> list[tuple[str, str]]:
    digest = hashlib.blake2b(f"{before}|{behind}".encode(), digest_size=16).digest()
    rng = np.random.default_rng([seed, *np.frombuffer(digest, np.uint32)])
    return [
        (dinucleotide_shuffle(before, rng), dinucleotide_shuffle(behind, rng)) for _ in range(num)
    ]


class Background(NamedTuple):
    """Changes in the real surroundings against those in shuffled ones; nan without shuffles."""

    mean: NDArray[np.float64]
    """Mean change in shuffled surroundings, (variants,)."""
    deviation: NDArray[np.float64]
    """Their standard deviation, n - 1 in the denominator."""
    z: NDArray[np.float64]
    p_value: NDArray[np.float64]


def against_background(changes: NDArray[np.float64], shuffled: NDArray[np.float64]) -> Background:
    """Compare changes with those in shuffled surroundings.

    Parameters
    ----------
    changes
        (variants,).
    shuffled
        (variants, shuffles).
    """
    num = shuffled.shape[1]
    if num < 2:
        nothing = np.full(len(changes), np.nan)
        return Background(nothing, nothing, nothing, nothing)
    mean, deviation = shuffled.mean(1), shuffled.std(1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(deviation > 0, (changes - mean) / deviation, np.nan)
    p = 2 * stats.t.sf(np.abs(z) / np.sqrt(1 + 1 / num), num - 1)
    return Background(mean, deviation, z, p)
