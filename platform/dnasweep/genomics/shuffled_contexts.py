"""How much a change would change anywhere: the same alleles in shuffled surroundings.

gReLU's marginalisation test, with a p-value that holds for few shuffles. What lies before and
behind the variant is shuffled with its dinucleotides kept (Altschul and Erickson 1985); the bases
beside the variant stay, and so does a repeat that it can be moved along. z is the change in the
real surroundings, less the mean of the changes in shuffled ones, over their standard deviation.

p is empirical: the share of all n + 1 surroundings, the real ones among them, whose change is at
least as far from the mean of all, which is to say, has as large a |z| against the others. Were the
real surroundings one more shuffle, every rank would be as likely, whatever the distribution of
changes (Phipson and Smyth 2010), which has heavier tails than Student's t allows for. So p is at
least 1 / (n + 1): 20 shuffles cannot show less than .048, 999 can show .001.
"""

from __future__ import annotations

import functools
import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.data.negatives import dinucleotide_shuffle
from dnasweep.formats.bases import reverse_complement
from dnasweep.genomics.alleles import Allele

_SAME = 1e-9
"""Relative differences of distances that are rounding."""


def shuffled_contexts(allele: Allele, *, num: int, seed: int) -> list[Allele]:
    """Return the allele in shuffled copies of what surrounds it, `num` of them.

    The draws depend on the surroundings alone, and are those of the other strand reversed: shards,
    the order of alleles and the strand of the genome change nothing.
    """
    if num == 0:
        return []
    first, last = allele.span
    before, kept, behind = (
        allele.context[:first],
        allele.context[first:last],
        allele.context[last:],
    )
    own, other = (before, behind), (reverse_complement(behind), reverse_complement(before))
    turned = other < own
    found = []
    for left, right in _shuffles(*min(own, other), num, seed):
        if turned:
            left, right = reverse_complement(right), reverse_complement(left)
        found.append(allele._replace(context=left + kept + right))
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
    """Two-sided and empirical, at least 1 / (shuffles + 1)."""


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
    every = np.column_stack([changes, shuffled])
    # |z| of one against the others grows with its distance from the mean of all.
    away = np.abs(every - every.mean(1, keepdims=True))
    least = away[:, :1] * (1 - _SAME)
    return Background(mean, deviation, z, (away >= least).mean(1))
