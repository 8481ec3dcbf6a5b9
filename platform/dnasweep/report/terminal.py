"""The same comparison as rich tables for a terminal of 100 columns."""

from __future__ import annotations

from rich.console import RenderableType

from dnasweep.report.comparison import Comparison


def comparison_tables(comparison: Comparison, *, max_rows: int = 20) -> RenderableType:
    """Return the ranked table, the selected cells with the baseline, and the findings."""
    raise NotImplementedError
