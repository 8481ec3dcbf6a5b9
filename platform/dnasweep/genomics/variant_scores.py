"""The effect of variants on what a classifier says: both alleles, both strands, several windows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.genomics.alleles import Allele, Pair, pairs
from dnasweep.genomics.sequence_values import SequenceValues, numbered
from dnasweep.genomics.shuffled_contexts import Background, against_background, shuffled_contexts
from dnasweep.genomics.variant_settings import VariantConfig

Floats = NDArray[np.float64]
LOSS, GAIN, NONE = "loss", "gain", "none"


class Effects(NamedTuple):
    """Scores of variants, each (variants,). Signs: what the alternative allele adds."""

    probability_ref: Floats
    """Probability of the class: that of the mean log odds over windows and strands."""
    probability_alt: Floats
    log2_odds_ref: Floats
    """Mean log2 odds of the class over windows and strands."""
    log2_odds_alt: Floats
    background: Background
    """The change of log2 odds in the centred window against shuffled surroundings."""

    @property
    def delta_probability(self) -> Floats:
        """Change of the probability, alt - ref."""
        return self.probability_alt - self.probability_ref

    @property
    def delta_log2_odds(self) -> Floats:
        """Change of the log2 odds, alt - ref."""
        return self.log2_odds_alt - self.log2_odds_ref

    def calls(self, threshold: float, min_delta: float) -> NDArray[np.str_]:
        """Return `loss`, `gain` or `none`: the threshold is crossed, by a change that counts."""
        counts = np.abs(self.delta_probability) >= min_delta
        before, after = self.probability_ref >= threshold, self.probability_alt >= threshold
        lost, gained = counts & before & ~after, counts & ~before & after
        return np.where(lost, LOSS, np.where(gained, GAIN, NONE))


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
    names
        What messages call the alleles; their numbers where there are none.
    """
    num = 1 + len(config.shifts)
    # The windows of one strand, then those of the other.
    windows: list[list[Pair]] = [[], []]
    for allele in alleles:
        drawn = shuffled_contexts(allele, num=config.backgrounds, seed=config.seed)
        for strand, found in enumerate(windows):
            turned = [one.reverse_complement() if strand else one for one in (allele, *drawn)]
            found += pairs(turned[0], window=config.window, shifts=config.shifts)
            found += chain.from_iterable(pairs(one, window=config.window) for one in turned[1:])
    texts = list(chain.from_iterable(chain.from_iterable(windows)))
    a_strand = len(texts) // 2
    an_allele = a_strand // max(1, len(alleles))

    def name(row: int) -> str:
        allele = row % a_strand // an_allele
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
