"""Settings of masked language modelling: which tokens are masked, and how k-mers are scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from dnasweep.config.keys import require
from dnasweep.config.ranges import Amount, Between, Config, Count, Fraction

PmiVariant = Literal["published", "pmi_n", "bouma", "naive"]
PMI_VARIANTS: tuple[PmiVariant, ...] = get_args(PmiVariant)


@dataclass(frozen=True, kw_only=True)
class MaskingConfig(Config):
    """Which tokens masked language modelling masks."""

    scheme: str = "auto"
    """`random`, `span`, `genemask`, `global_pmi`, `cm_step`, `cm_gems`, or `auto`: spans for
    overlapping k-mers, random for all others."""
    rate: Between = 0.15
    """Expected fraction of tokens to predict."""
    mask_fraction: Fraction = 0.8
    """Fraction of these tokens that are replaced by the mask token."""
    random_fraction: Fraction = 0.1
    """Fraction of these tokens that are replaced by a random other token; the rest stays unchanged."""
    threshold: Amount = 1.0
    """`cm_gems` changes to harder masks once the perplexities of two successive evaluations differ by
    less than this."""

    def __post_init__(self) -> None:
        super().__post_init__()
        both = self.mask_fraction + self.random_fraction
        require(both <= 1, "mask_fraction + random_fraction", both, "Together they are at most 1.")


@dataclass(frozen=True, kw_only=True)
class PmiConfig(Config):
    """How k-mers are scored by PMI; see :mod:`dnasweep.tokens.pmi` for the formulas."""

    variant: PmiVariant = "published"
    """`published` (GeneMask's ranking), `pmi_n` (PMI-Masking's definition), `bouma` or `naive`."""
    min_count: Count = 10
    """K-mers that occur fewer times get no score, and share the last rank."""
    discount: int = 101
    """C of the factor ln f / (ln f + ln C) by which `published` discounts rare k-mers."""
    both_strands: bool = False
    """Whether k-mers are also counted on the reverse strand."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variant == "published":
            require(self.discount >= 1, "discount", self.discount, "Use at least 1.")
        else:
            self._clear("discount")
