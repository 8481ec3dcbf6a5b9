"""Things found about a data set that its user should know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

READ_AS = "read-as"
"""Code of findings that say how files were understood."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing found."""

    level: Literal["info", "warning"]
    """How much it matters."""
    code: str
    """A short name that stays the same, such as `near-leak`."""
    message: str
    """One sentence for a person."""


def info(code: str, message: str) -> Finding:
    """Return a finding that needs no action."""
    return Finding(level="info", code=code, message=message)


def warning(code: str, message: str) -> Finding:
    """Return a finding that may make results look better than they are."""
    return Finding(level="warning", code=code, message=message)
