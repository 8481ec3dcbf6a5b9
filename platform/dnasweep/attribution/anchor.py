"""An anchor, and what it has to fulfil; how it is sought is in :mod:`dnasweep.attribution.anchor_search`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

FIRST_LOOK = 128
"""Draws before the first look at a candidate."""


@dataclass(frozen=True, kw_only=True)
class AnchorConfig:
    """What an anchor is to fulfil, and how it is sought."""

    threshold: float = 0.95
    """Precision an anchor has to have."""
    delta: float = 0.05
    """Probability with which an anchor that is declared found may fall short of it."""
    tolerance: float = 0.15
    """Precision by which a set that is widened may be worse than one that is not."""
    beam: int = 4
    """Sets of one size that are widened."""
    most_tokens: int = 8
    """Tokens of an anchor at most."""
    keep: float = 0.5
    """Probability with which a token outside the anchor is kept."""
    draws: int = 256
    """Draws for each set that is widened."""
    rounds: int = 12
    """Rounds of KL-LUCB a size, each of twice `batch` draws; fewer where the tolerance is met."""
    batch: int = 32
    """Draws for a set in a round."""
    most_draws: int = 10_000
    """Draws in all. Some of the last are kept back, to judge the best set there is."""

    @property
    def most_search(self) -> int:
        """Draws after which no other size is tried."""
        return self.most_draws - min(FIRST_LOOK, self.most_draws // 2)

    def __post_init__(self) -> None:
        for name in ("threshold", "delta", "tolerance", "keep"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, use a share between 0 and 1")
        for name in ("beam", "most_tokens", "draws", "rounds", "batch", "most_draws"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, use at least 1")


class Anchor(NamedTuple):
    """What a search came to."""

    tokens: tuple[int, ...]
    """Its tokens, in the order in which they were added."""
    gains: tuple[float, ...]
    """What each added to the precision."""
    errors: tuple[float, ...]
    """Standard error of each gain."""
    precision: float
    """Share of its own draws that are called like the whole sequence."""
    lower: float
    """Bound below its precision; each bound is missed with probability `delta` at most."""
    upper: float
    """Bound above it."""
    coverage: float
    """Share of perturbed sequences that hold its tokens."""
    num_draws: int
    """Draws of the whole search."""
    found: bool
    """Whether the lower bound reaches the threshold; otherwise this is the best set there was."""
    called: bool = True
    """Whether the call it is of is the class explained."""
