"""What a genome scan computes, and what is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dnasweep.errors import InputError

Strands = Literal["both", "forward", "reverse"]
Combine = Literal["mean", "max"]
Per = Literal["base", "window"]


@dataclass(frozen=True, kw_only=True)
class ScanConfig:
    """What is computed of each window; a part of the key of a scan."""

    window: int
    """Bases a window."""
    stride: int
    """Bases from one window to the next; every window begins at a multiple of it."""
    strands: Strands = "both"
    """Strands that the model is shown."""
    max_unknown: float = 0.05
    """Windows with a larger part of letters other than A, C, G and T are left out."""

    def __post_init__(self) -> None:
        for name in ("window", "stride"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}", remedy="Use at least 1.")
        if not 0 <= self.max_unknown <= 1:
            raise InputError(
                f"max_unknown is {self.max_unknown}", remedy="Use a part between 0 and 1."
            )

    def number(self, length: int) -> int:
        """Return how many windows a record of `length` bases has."""
        return max(0, (length - self.window) // self.stride + 1)


@dataclass(frozen=True, kw_only=True)
class TrackConfig:
    """How windows become a track of probabilities along the genome."""

    per: Per = "base"
    """`base`: each base has the mean of the windows that cover it. `window`: each window has the
    `stride` bases at its centre."""
    combine: Combine = "mean"
    """How the strands of a window are combined: the mean of their log odds, or the larger."""


@dataclass(frozen=True, kw_only=True)
class PeakConfig:
    """What of a track is a peak."""

    threshold: float
    """Least probability of every base of a peak but those in a merged gap."""
    merge_gap: int = 0
    """Peaks with at most this many bases between them are one."""
    min_length: int = 1
    """Bases of a peak at least."""

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise InputError(
                f"threshold is {self.threshold}", remedy="Use a probability above 0, up to 1."
            )
        if self.merge_gap < 0 or self.min_length < 1:
            raise InputError(
                f"merge_gap is {self.merge_gap} and min_length {self.min_length}",
                remedy="Use a gap of at least 0 and a length of at least 1.",
            )
