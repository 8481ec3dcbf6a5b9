"""Where and how fast a stage runs: everything about it that changes no result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dnasweep.runtime.cluster.allotment import Allotment


@dataclass(frozen=True, kw_only=True)
class JobSpec:
    """What a stage needs beside its specification; nothing in here changes a result."""

    storage: str
    """Storage root."""
    allotment: Allotment
    """Workers and devices."""
    progress_actor: Any = None
    """Handle of the actor that running stages post their progress to; None posts nothing."""
    hang_seconds: float = 0.0
    """Longest time without a step before a training is taken to hang; 0: for ever."""
