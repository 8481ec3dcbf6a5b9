"""What is asked about variants: everything that makes their scores, as JSON-able as it is checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dnasweep.genomics.variants import Frame


@dataclass(frozen=True, kw_only=True)
class VariantConfig(Frame):
    """Windows, background and thresholds of a variant job."""

    target: str = ""
    """Class whose probability and odds are compared, by its name; "" where there is no classifier."""
    threshold: float = 0.5
    """Probability of the class from which on a window is called."""
    min_delta: float = 0.1
    """Least change of the probability that makes a loss or a gain, beside crossing the threshold."""
    backgrounds: int = 20
    """Shuffled contexts a variant that its change is compared with; 0 leaves z and p out. The least
    p-value is 1 / (contexts + 1)."""
    motif_p: float = 1e-4
    """p-value of a position from which on it is a binding site."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Arithmetic of the forward pass."""
    seed: int = 0
    """Of the shuffled contexts; the draws belong to the context, not to its batch."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold is {self.threshold}, use a probability between 0 and 1")
        if not 0 <= self.min_delta < 1:
            raise ValueError(f"min_delta is {self.min_delta}, use 0 to less than 1")
        if self.backgrounds < 0 or self.backgrounds in (1, 2):
            raise ValueError(
                f"backgrounds is {self.backgrounds}, use 0 for none, or at least 3 for a spread"
            )
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}, use a whole number from 0 on")
        if not 0 < self.motif_p < 1:
            raise ValueError(f"motif_p is {self.motif_p}, use a p-value between 0 and 1")
