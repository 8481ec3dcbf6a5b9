"""Findings about a data set that the user should know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

READ_AS = "read-as"
"""Code of findings on how files were interpreted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One finding."""

    level: Literal["info", "warning"]
    """Severity."""
    code: str
    """A stable short name, such as `near-leak`."""
    message: str
    """One sentence for the user."""


def info(code: str, message: str) -> Finding:
    """Return a finding that needs no action."""
    return Finding(level="info", code=code, message=message)


def warning(code: str, message: str) -> Finding:
    """Return a finding that may make results look better than they are."""
    return Finding(level="warning", code=code, message=message)
