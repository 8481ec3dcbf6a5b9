"""The size of an encoder."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dnasweep.config.keys import require
from dnasweep.errors import InputError

PRESETS: dict[str, tuple[int, int, int]] = {
    "tiny": (2, 128, 2),
    "small": (6, 384, 6),
    "base": (12, 768, 12),
}
"""Model sizes by name: layers, hidden width, attention heads."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """A RoBERTa-style encoder."""

    layers: int = 2
    """Transformer layers."""
    hidden: int = 128
    """Width of the residual stream."""
    heads: int = 2
    """Attention heads; divides `hidden`."""
    intermediate: int = 512
    """Width of the feed-forward layer."""
    max_tokens: int | None = None
    """Longest sequence length in tokens, special tokens counted; None: what the data needs."""

    def __post_init__(self) -> None:
        for name in ("layers", "hidden", "heads", "intermediate"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "Use at least 1.")
        require(
            self.hidden % self.heads == 0,
            "heads",
            self.heads,
            f"The hidden width {self.hidden} must be a multiple of it.",
        )

    @classmethod
    def preset(cls, name: str, *, max_tokens: int | None = None) -> ModelConfig:
        """Return `tiny` (2 x 128), `small` (6 x 384), `base` (12 x 768), or any `LAYERSxHIDDEN[xHEADS]`."""
        if name in PRESETS:
            layers, hidden, heads = PRESETS[name]
        elif match := re.fullmatch(r"(\d+)x(\d+)(?:x(\d+))?", name):
            layers, hidden = int(match[1]), int(match[2])
            heads = int(match[3] or max(1, hidden // 64))
        else:
            raise InputError(
                f"preset {name!r} is not known",
                remedy=f"Use {', '.join(PRESETS)} or LAYERSxHIDDEN, for example 4x192.",
            )
        return cls(
            layers=layers,
            hidden=hidden,
            heads=heads,
            intermediate=4 * hidden,
            max_tokens=max_tokens,
        )
