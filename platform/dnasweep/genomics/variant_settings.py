"""Settings of variant scores: windows, background and thresholds, JSON-able as they are checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from dnasweep.config.ranges import Between, Checked, NotAll, Range, Seed, Shift, Whole

MAX_WINDOW = 1 << 24
"""Maximum number of bases of a window."""
MOTIF_FILE = "motifs"
"""Name of the file of motifs in its artefact."""


@dataclass(frozen=True, kw_only=True)
class VariantWindows(Checked):
    """The windows around a variant."""

    window: Annotated[int, Range(2, MAX_WINDOW)]
    """Bases of a window."""
    shifts: tuple[Shift, ...] = ()
    """Bases by which further windows are shifted, beside the centred one, in the direction in which
    each strand is read."""

    def __post_init__(self) -> None:
        super().__post_init__()
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
    threshold: Between = 0.5
    """Probability of the class from which on a window is called."""
    min_delta: NotAll = 0.1
    """Minimum change of the probability for a loss or a gain, beside crossing the threshold."""
    backgrounds: Whole = 20
    """Shuffled contexts per variant that its change is compared with; 0 leaves z and p out. The
    least p-value is 1 / (contexts + 1)."""
    motif_p: Between = 1e-4
    """Maximum p-value of a binding site at one position."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """Arithmetic of the forward pass."""
    seed: Seed = 0
    """Seed of the shuffled contexts; the draws depend on the context, not on its batch."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.backgrounds in (1, 2):
            raise ValueError(
                f"backgrounds is {self.backgrounds}, use 0 for none, or at least 3 for a spread"
            )
