"""The score by which variants are ranked and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Ranking(NamedTuple):
    """A score of variants."""

    column: str
    """Column of the table of variants."""
    unit: str
    """Name and unit of the score."""


OF_CLASS = Ranking("delta_log2_odds", "change of log2 odds")
OF_LANGUAGE = Ranking("llr", "log-likelihood ratio, nats")


def ranking_of(settings: Mapping[str, Any]) -> Ranking:
    """Return the score that ranks the variants of a job with these settings."""
    for name, (_, text, unit) in (settings.get("columns") or {}).items():
        return Ranking(name, unit or text)
    return OF_CLASS if settings.get("classifier") else OF_LANGUAGE
