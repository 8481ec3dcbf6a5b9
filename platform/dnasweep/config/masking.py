"""What masked language modelling hides."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dnasweep.config.keys import require


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskingConfig:
    """What masked language modelling hides."""

    scheme: str = "auto"
    """`random`, `span`, `genemask`, `global_pmi`, `cm_step`, `cm_gems`, or `auto`: spans for
    overlapping k-mers, random for all others."""
    rate: float = 0.15
    """Expected fraction of tokens to predict."""
    mask_fraction: float = 0.8
    """Of these, the fraction replaced by the mask token."""
    random_fraction: float = 0.1
    """Of these, the fraction replaced by another real token; the rest is left as it is."""
    threshold: float = 1.0
    """`cm_gems` goes over to harder masks once two evaluations in a row differ by less than this in
    perplexity."""

    def __post_init__(self) -> None:
        require(0 < self.rate < 1, "mask rate", self.rate, "Use a fraction between 0 and 1.")
        require(
            0 <= self.mask_fraction <= 1
            and 0 <= self.random_fraction <= 1
            and self.mask_fraction + self.random_fraction <= 1,
            "mask_fraction + random_fraction",
            self.mask_fraction + self.random_fraction,
            "Together they are at most 1.",
        )
        require(
            self.threshold >= 0 and math.isfinite(self.threshold),
            "threshold",
            self.threshold,
            "Use a difference in perplexity of 0 or more.",
        )
