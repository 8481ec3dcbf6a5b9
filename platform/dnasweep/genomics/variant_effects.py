"""Effects of variants on a classifier: both alleles, both strands, several windows, a background.

The background is gReLU's marginalisation test, with a p-value that is valid for few shuffles: the
same alleles in shuffled flanks. The bases upstream and downstream of the variant are shuffled with
dinucleotide counts preserved (Altschul and Erickson 1985); the bases adjacent to the variant are kept, as is
a repeat along which it can be shifted. z is the change in the real flanks minus the mean of the changes in
shuffled ones, divided by their standard deviation.

p is empirical: the fraction of all n + 1 flanks, including the real ones, whose change is at least as
far from the mean of all, that is, has at least as large a |z| against the others. If the real flanks were one
more shuffle, every rank would be equally likely, whatever the distribution of changes (Phipson and
Smyth 2010), which has heavier tails than Student's t. p is therefore at least 1 / (n + 1): with 20 shuffles
it cannot be below .048, with 999 it can reach .001.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.data.negatives import dinucleotide_shuffle
from dnasweep.formats.bases import reverse_complement
from dnasweep.genomics.allele_windows import Allele, Pair, numbered, pairs
from dnasweep.genomics.variant_settings import VariantConfig

if TYPE_CHECKING:
    from dnasweep.genomics.sequence_values import SequenceValues

Floats = NDArray[np.float64]
LOSS, GAIN, NONE = "loss", "gain", "none"
_SAME = 1e-9
"""Relative difference of distances that is attributed to rounding."""


class Background(NamedTuple):
    """Changes in the real flanks compared with shuffled flanks; nan without shuffles."""

    mean: Floats
    """Mean change in shuffled flanks, (variants,)."""
    deviation: Floats
    """Standard deviation of the changes in shuffled flanks, with n - 1 in the denominator."""
    z: Floats
    p_value: Floats
    """Two-sided empirical p-value, at least 1 / (shuffles + 1)."""


class Effects(NamedTuple):
    """Scores of variants, each (variants,). Positive changes are higher with the alternative allele."""

    probability_ref: Floats
    """Probability of the class, from the mean log odds over windows and strands."""
    probability_alt: Floats
    log2_odds_ref: Floats
    """Mean log2 odds of the class over windows and strands."""
    log2_odds_alt: Floats
    background: Background
    """Change of log2 odds in the centred window compared with shuffled flanks."""

    @property
    def delta_probability(self) -> Floats:
        """Change of the probability, alt - ref."""
        return self.probability_alt - self.probability_ref

    @property
    def delta_log2_odds(self) -> Floats:
        """Change of the log2 odds, alt - ref."""
        return self.log2_odds_alt - self.log2_odds_ref

    def calls(self, threshold: float, min_delta: float) -> NDArray[np.str_]:
        """Return `loss`, `gain` or `none`: the threshold is crossed, by a sufficient change."""
        enough = np.abs(self.delta_probability) >= min_delta
        ref, alt = self.probability_ref >= threshold, self.probability_alt >= threshold
        return np.where(enough & ref & ~alt, LOSS, np.where(enough & ~ref & alt, GAIN, NONE))


def score(
    alleles: Sequence[Allele],
    values: SequenceValues,
    config: VariantConfig,
    *,
    names: Sequence[str] = (),
) -> Effects:
    """Return the effects of alleles; all windows of the call are computed together, each once.

    Parameters
    ----------
    alleles
        The variants.
    values
        The classifier.
    config
        Windows, and number of shuffles.
    names
        Names of the alleles in messages. Default: their numbers.
    """
    num = 1 + len(config.shifts)
    # The windows of the forward strand, then those of the reverse strand.
    windows: list[list[Pair]] = [[], []]
    for allele in alleles:
        drawn = shuffled_contexts(allele, num=config.backgrounds, seed=config.seed)
        for is_reverse, found in enumerate(windows):
            real, *shuffled = (
                one.reverse_complement() if is_reverse else one for one in (allele, *drawn)
            )
            found += pairs(real, window=config.window, shifts=config.shifts)
            found += chain.from_iterable(pairs(one, window=config.window) for one in shuffled)
    texts = list(chain.from_iterable(chain.from_iterable(windows)))
    per_strand = len(texts) // 2
    per_allele = per_strand // max(1, len(alleles))

    def name(row: int) -> str:
        allele = row % per_strand // per_allele
        return names[allele] if names else numbered(allele)

    odds = values.log_odds(texts, name=name).reshape(2, len(alleles), -1, 2).mean(0) / np.log(2)
    mean = odds[:, :num].mean(1)
    change = odds[:, :, 1] - odds[:, :, 0]
    probability = 1 / (1 + np.exp(-mean * np.log(2)))
    return Effects(
        probability_ref=probability[:, 0],
        probability_alt=probability[:, 1],
        log2_odds_ref=mean[:, 0],
        log2_odds_alt=mean[:, 1],
        background=against_background(change[:, 0], change[:, num:]),
    )


def shuffled_contexts(allele: Allele, *, num: int, seed: int) -> list[Allele]:
    """Return the allele in `num` shuffled copies of its flanks.

    The shuffles depend only on the flanks, and those of the reverse strand are the reverse complements:
    shards, the order of alleles and the strand of the genome do not change them.

    Parameters
    ----------
    allele
        The variant with its flanks.
    num, seed
        Number of copies, and seed of the shuffles.
    """
    if num == 0:
        return []
    first, last = allele.span
    upstream, kept, downstream = (
        allele.context[:first],
        allele.context[first:last],
        allele.context[last:],
    )
    own = (upstream, downstream)
    other = (reverse_complement(downstream), reverse_complement(upstream))
    found = []
    for left, right in _shuffles(*min(own, other), num, seed):
        if other < own:
            left, right = reverse_complement(right), reverse_complement(left)
        found.append(allele._replace(context=left + kept + right))
    return found


# Alleles at the same position are consecutive.
@functools.lru_cache(maxsize=4)
def _shuffles(upstream: str, downstream: str, num: int, seed: int) -> list[tuple[str, str]]:
    digest = hashlib.blake2b(f"{upstream}|{downstream}".encode(), digest_size=16).digest()
    rng = np.random.default_rng([seed, *np.frombuffer(digest, np.uint32)])
    return [
        (dinucleotide_shuffle(upstream, rng), dinucleotide_shuffle(downstream, rng))
        for _ in range(num)
    ]


def against_background(changes: Floats, shuffled: Floats) -> Background:
    """Compare changes with those in shuffled flanks.

    Parameters
    ----------
    changes
        Changes in the real flanks, (variants,).
    shuffled
        Changes in shuffled flanks, (variants, shuffles).
    """
    if shuffled.shape[1] < 2:
        nothing = np.full(len(changes), np.nan)
        return Background(nothing, nothing, nothing, nothing)
    mean, deviation = shuffled.mean(1), shuffled.std(1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(deviation > 0, (changes - mean) / deviation, np.nan)
    every = np.column_stack([changes, shuffled])
    # |z| of one change against the others increases with its distance from the mean of all.
    distance = np.abs(every - every.mean(1, keepdims=True))
    as_far = distance >= distance[:, :1] * (1 - _SAME)
    return Background(mean, deviation, z, as_far.mean(1))
