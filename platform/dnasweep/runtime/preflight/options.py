"""Options of the preflight."""

from __future__ import annotations

from dataclasses import dataclass

from dnasweep.config.execution import PlaceOptions, WorkerOptions
from dnasweep.config.keys import require
from dnasweep.config.ranges import Positive
from dnasweep.formats.paths import user_path

TIMEOUT_S = 120.0
"""Maximum seconds for a node to start a worker and report."""


@dataclass(frozen=True, kw_only=True)
class DoctorOptions(PlaceOptions, WorkerOptions):
    """Options of the preflight; use those of the command that is to follow."""

    timeout_s: Positive = TIMEOUT_S
    """Maximum seconds for a node to answer before it counts as silent."""
    json: str | None = None
    """Also write the checks, and what every node reported, to this file."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.json is not None:
            path = user_path(self.json).absolute()
            require(
                path.parent.is_dir() and not path.is_dir(),
                "json",
                self.json,
                f"Name a file, and make the folder {path.parent} first.",
            )
