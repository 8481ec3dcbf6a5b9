"""Which tokens masked language modelling masks, and how k-mers are scored for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from dnasweep.config.keys import require

PmiVariant = Literal["published", "pmi_n", "bouma", "naive"]
PMI_VARIANTS: tuple[PmiVariant, ...] = get_args(PmiVariant)


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskingConfig:
    """Which tokens masked language modelling masks."""

    scheme: str = "auto"
    """`random`, `span`, `genemask`, `global_pmi`, `cm_step`, `cm_gems`, or `auto`: spans for
    overlapping k-mers, random for all others."""
    rate: float = 0.15
    """Expected fraction of tokens to predict."""
    mask_fraction: float = 0.8
    """Of these, the fraction replaced by the mask token."""
    random_fraction: float = 0.1
    """Of these, the fraction replaced by a random other token; the rest is left unchanged."""
    threshold: float = 1.0
    """`cm_gems` changes to harder masks once the perplexities of two successive evaluations differ by
    less than this."""

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


@dataclass(frozen=True, kw_only=True, slots=True)
class PmiConfig:
    """How k-mers are scored by PMI; see :mod:`dnasweep.tokens.pmi` for the formulas."""

    variant: PmiVariant = "published"
    """`published` (GeneMask's ranking), `pmi_n` (PMI-Masking's definition), `bouma` or `naive`."""
    min_count: int = 10
    """K-mers that occur fewer times have no score, and share the last rank."""
    discount: int = 101
    """C of the factor ln f / (ln f + ln C) by which `published` discounts rare k-mers."""
    both_strands: bool = False
    """Whether k-mers are counted on the reverse strand as well."""

    def __post_init__(self) -> None:
        known = f"Use one of {', '.join(PMI_VARIANTS)}."
        require(self.variant in PMI_VARIANTS, "PMI variant", self.variant, known)
        require(self.min_count >= 1, "min_count", self.min_count, "Use at least 1.")
        require(self.discount >= 1, "discount", self.discount, "Use at least 1.")
        # A setting that does not apply is 0, so that equal tables have equal keys.
        if self.variant != "published":
            object.__setattr__(self, "discount", 0)
