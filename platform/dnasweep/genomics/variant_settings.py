"""Settings of variant scores: windows, background and thresholds; checked and JSON-able."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from dnasweep.config.ranges import Between, Checked, NotAll, Range, Seed, Shift, Whole

MAX_WINDOW = 1 << 24
"""Maximum length of a window in bases."""
MOTIF_FILE = "motifs"
"""Name of the file of motifs in its artefact."""


@dataclass(frozen=True, kw_only=True)
class VariantWindows(Checked):
    """The windows around a variant."""

    window: Annotated[int, Range(2, MAX_WINDOW)]
    """Length of a window in bases."""
    shifts: tuple[Shift, ...] = ()
    """Numbers of bases by which windows in addition to the centred one are shifted, in the direction in
    which each strand is read."""

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
        """Number of bases of the centred window upstream of a variant, on either strand."""
        return self.window // 2

    @property
    def max_shift(self) -> int:
        """Largest shift in either direction."""
        return max(map(abs, (0, *self.shifts)))


@dataclass(frozen=True, kw_only=True)
class VariantConfig(VariantWindows):
    """Windows, background and thresholds of a variant job."""

    target: str = ""
    """Name of the class whose probability and odds are compared; "" if there is no classifier."""
    threshold: Between = 0.5
    """Minimum probability of the class for calling a window."""
    min_delta: NotAll = 0.1
    """Minimum change of the probability for a loss or a gain, in addition to crossing the threshold."""
    backgrounds: Whole = 20
    """Number of shuffled contexts per variant that its change is compared with; with 0, there is no z or p.
    The smallest p-value is 1 / (contexts + 1)."""
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
