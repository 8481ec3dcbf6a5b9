"""The effect of variants on what a classifier says: both alleles, both strands, several windows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.annotate.sequence_values import SequenceValues
from dnasweep.annotate.shuffled_contexts import Background, against_background, shuffled_pairs
from dnasweep.annotate.variant_settings import VariantConfig
from dnasweep.genome.alleles import Allele, Pair, centred_leads, pairs

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


def score(alleles: Sequence[Allele], values: SequenceValues, config: VariantConfig) -> Effects:
    """Return the effects of alleles; all windows of the call are computed together, each once."""
    real = [pairs(one, window=config.window, shifts=config.shifts) for one in alleles]
    shuffled = [_shuffled(one, found[0], config) for one, found in zip(alleles, real, strict=True)]
    every = list(
        chain.from_iterable(
            chain(found, drawn) for found, drawn in zip(real, shuffled, strict=True)
        )
    )
    odds = _both_strands(every, values).reshape(len(alleles), -1, 2)
    num = 1 + len(config.shifts)
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


def _shuffled(allele: Allele, pair: Pair, config: VariantConfig) -> list[Pair]:
    if config.backgrounds == 0:
        return []
    leads = centred_leads(allele, config.window)
    return shuffled_pairs(
        pair, leads, allele.ref, allele.alt, num=config.backgrounds, seed=config.seed
    )


def _both_strands(found: Sequence[Pair], values: SequenceValues) -> Floats:
    """Return the mean log2 odds of both strands, (pairs, 2)."""
    forward = list(chain.from_iterable(found))
    reverse = list(chain.from_iterable(pair.reverse for pair in found))
    odds = values.log_odds(forward + reverse).reshape(2, -1, 2) / np.log(2)
    return odds.mean(0)
