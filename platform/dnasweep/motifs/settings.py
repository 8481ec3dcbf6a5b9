"""How motifs are found and tested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Method = Literal["enrichment", "modisco"]


@dataclass(frozen=True, kw_only=True)
class MotifConfig:
    """Settings of motif discovery."""

    method: Method = "enrichment"
    """DNABERT's enriched words of high attention, or TF-MoDISco."""
    min_length: int = 5
    """Bases of a stretch of high values, at least."""
    discovery_q: float = 0.005
    """Words are kept whose enrichment in the discovery part has at most this adjusted p-value.
    DNABERT's, for thousands of sequences; few words are met often enough in hundreds: 1 keeps all."""
    window: int = 24
    """Bases that instances are cut or widened to."""
    min_instances: int = 3
    """Motifs of fewer instances are left out."""
    hit_p: float = 1e-4
    """A place is a hit of a motif where words at least as good have this probability in random
    DNA."""
    seed: int = 0
    """Of the parting of sequences."""

    def __post_init__(self) -> None:
        for name, least in (("min_length", 2), ("window", 8), ("min_instances", 2)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, use at least {least}")
        if not 0 < self.discovery_q <= 1:
            raise ValueError(f"discovery_q is {self.discovery_q}, use a share above 0, up to 1")
        if not 0 < self.hit_p < 1:
            raise ValueError(f"hit_p is {self.hit_p}, use a share between 0 and 1")
