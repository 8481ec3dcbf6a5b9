"""The size and kind of an encoder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Literal

from dnasweep.config.keys import require
from dnasweep.config.ranges import MANY, Config, Range
from dnasweep.errors import InputError

PRESETS: dict[str, tuple[int, int, int]] = {
    "tiny": (2, 128, 2),
    "small": (6, 384, 6),
    "base": (12, 768, 12),
    "logo": (2, 256, 8),
}
"""Model sizes by name: layers, hidden width, attention heads."""

CONVNET = "dnasweep-convnet"
"""Model type of the convolutional network in `config.json`."""
LOGO_EMBEDDING = 128
"""Width of the factorised token embeddings of LOGO (Yang et al. 2022)."""

_SPEC = re.compile(
    r"(?:(?P<name>[a-z]+)|(?P<layers>[0-9]{1,7})x(?P<hidden>[0-9]{1,7})(?:x(?P<heads>[0-9]{1,7}))?)"
    r"(?P<alibi>-alibi)?"
)

# Upper bounds are well above those of any known model.
Width = Annotated[int, Range(1, 65_536)]
Positions = Literal["learned", "alibi"]
Windows = Literal["none", "log-odds", "hidden"]


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Config):
    """Size and kind of an encoder."""

    layers: Annotated[int, Range(1, 1_000)] = 2
    """Number of transformer layers."""
    hidden: Width = 128
    """Width of the residual stream."""
    heads: Width = 2
    """Number of attention heads; must divide `hidden`."""
    intermediate: Annotated[int, Range(1, 1_048_576)] = 512
    """Width of the feed-forward layer."""
    max_tokens: Annotated[int, Range(4, MANY)] | None = None
    """Maximum sequence length in tokens, including special tokens; None: set from the data."""
    family: str = "roberta"
    """`roberta`; `dnasweep-convnet`, a convolutional network, for which `hidden` is the number of channels;
    `albert`, with weights shared by all layers and factorised token embeddings; or, for a pretrained
    checkpoint, its model type in transformers."""
    embedding: int = 0
    """Width of the token embeddings of `albert`; 0 for all others."""
    positions: Positions = "learned"
    """How positions of tokens are encoded: by learned embeddings, or by an attention bias that grows with
    distance (ALiBi, Press et al. 2022, in both directions), which also works for sequences longer than
    those in training."""
    windows: Windows = "none"
    """How to handle sequences of more than `max_tokens`: refuse them, or read them in windows that overlap by
    half and average the windows' log odds or hidden states."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.hidden % self.heads == 0,
            "heads",
            self.heads,
            f"The hidden width {self.hidden} must be a multiple of it.",
        )
        if self.family == "albert":
            require(self.embedding >= 1, "embedding", self.embedding, "Use at least 1.")
        else:
            self._clear("embedding")
        require(
            self.positions == "learned" or self.family == "roberta",
            "positions",
            self.positions,
            f"A {self.family} model has its own positions.",
        )

    @classmethod
    def preset(
        cls, name: str, *, max_tokens: int | None = None, windows: Windows = "none"
    ) -> ModelConfig:
        """Return the configuration of a named size.

        `tiny` (2 x 128), `small` (6 x 384), `base` (12 x 768) or any `LAYERSxHIDDEN[xHEADS]`, each
        optionally followed by `-alibi` for an attention bias by distance; or `logo`, LOGO's ALBERT
        (2 x 256).

        Parameters
        ----------
        name
            Name of the size.
        max_tokens, windows
            As for the fields with these names.
        """
        match = _SPEC.fullmatch(name)
        if match is None or (match["name"] and match["name"] not in PRESETS):
            raise InputError(
                f"preset {name!r} is not known",
                remedy=f"Use {', '.join(PRESETS)} or LAYERSxHIDDEN, for example 4x192; add -alibi for "
                "attention biased by distance.",
            )
        if match["name"]:
            layers, hidden, heads = PRESETS[match["name"]]
        else:
            layers, hidden = int(match["layers"]), int(match["hidden"])
            heads = int(match["heads"] or max(1, hidden // 64))
        logo = match["name"] == "logo"
        return cls(
            layers=layers,
            hidden=hidden,
            heads=heads,
            intermediate=4 * hidden,
            max_tokens=max_tokens,
            family="albert" if logo else "roberta",
            embedding=LOGO_EMBEDDING if logo else 0,
            positions="alibi" if match["alibi"] else "learned",
            windows=windows,
        )

    @classmethod
    def convnet(cls) -> ModelConfig:
        """Return the convolutional network that encoders are compared with: 0.28 million parameters."""
        return cls(layers=5, hidden=128, heads=1, intermediate=128, family=CONVNET)
