"""Settings of variant scores: windows, background and thresholds, JSON-able as they are checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MAX_WINDOW = 1 << 24
"""Maximum number of bases of a window."""


@dataclass(frozen=True, kw_only=True)
class VariantWindows:
    """The windows around a variant."""

    window: int
    """Bases of a window."""
    shifts: tuple[int, ...] = ()
    """Bases by which further windows are shifted, beside the centred one, in the direction in which
    each strand is read."""

    def __post_init__(self) -> None:
        if not 2 <= self.window <= MAX_WINDOW:
            raise ValueError(f"window is {self.window}, use 2 to {MAX_WINDOW:,} bases")
        if any(abs(shift) >= self.window // 2 for shift in self.shifts):
            raise ValueError(
                f"shifts is {self.shifts}, use moves of less than half the window of {self.window}"
            )
        if 0 in self.shifts or len(set(self.shifts)) < len(self.shifts):
            raise ValueError(f"shifts is {self.shifts}, name each once, and 0 goes without saying")

    @property
    def upstream(self) -> int:
        """Bases of the centred window upstream of a variant, on either strand."""
        return self.window // 2

    @property
    def max_shift(self) -> int:
        """Largest shift in either direction."""
        return max(map(abs, (0, *self.shifts)))


@dataclass(frozen=True, kw_only=True)
class VariantConfig(VariantWindows):
    """Windows, background and thresholds of a variant job."""

    target: str = ""
    """Class whose probability and odds are compared, by its name; "" where there is no classifier."""
    threshold: float = 0.5
    """Probability of the class from which on a window is called."""
    min_delta: float = 0.1
    """Minimum change of the probability for a loss or a gain, beside crossing the threshold."""
    backgrounds: int = 20
    """Shuffled contexts per variant that its change is compared with; 0 leaves z and p out. The
    least p-value is 1 / (contexts + 1)."""
    motif_p: float = 1e-4
    """Maximum p-value of a binding site at one position."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Arithmetic of the forward pass."""
    seed: int = 0
    """Seed of the shuffled contexts; the draws depend on the context, not on its batch."""

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
