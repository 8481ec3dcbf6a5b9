"""How words of DNA are ranked by pointwise mutual information."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from dnasweep.config.keys import require

PmiVariant = Literal["published", "pmi_n", "bouma", "naive"]
PMI_VARIANTS: tuple[PmiVariant, ...] = get_args(PmiVariant)


@dataclass(frozen=True, kw_only=True, slots=True)
class PmiConfig:
    """How words are scored; see :mod:`dnasweep.tokens.pmi` for the formulas."""

    variant: PmiVariant = "published"
    """`published` (GeneMask's ranking), `pmi_n` (PMI-Masking's definition), `bouma` or `naive`."""
    min_count: int = 10
    """Words seen fewer times have no score, and rank last together."""
    discount: int = 101
    """C of the factor ln f / (ln f + ln C) by which `published` discounts rare words."""
    both_strands: bool = False
    """Whether a word is counted on the other strand as well."""

    def __post_init__(self) -> None:
        known = f"Use one of {', '.join(PMI_VARIANTS)}."
        require(self.variant in PMI_VARIANTS, "PMI variant", self.variant, known)
        require(self.min_count >= 1, "min_count", self.min_count, "Use at least 1.")
        require(self.discount >= 1, "discount", self.discount, "Use at least 1.")
        # A setting that does not apply is 0, so that equal tables have equal keys.
        if self.variant != "published":
            object.__setattr__(self, "discount", 0)
