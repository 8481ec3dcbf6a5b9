"""One self-contained HTML page of a compared sweep: no request leaves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from dnasweep.report.comparison import CellResult, Comparison


@dataclass(frozen=True, kw_only=True)
class PageInput:
    """Everything the page shows; only the first three are needed."""

    title: str
    """Heading, usually the name of the sweep."""
    comparison: Comparison
    """The compared sweep."""
    cells: Sequence[CellResult]
    """All trials, for curves and costs."""
    command: str = ""
    """Command line that makes this page again."""
    created: str = ""
    """When, in words; empty: not shown."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Data summary, label to value; shown as given."""
    audit_findings: Sequence[Mapping[str, str]] = ()
    """Findings of the leak audit: level (`info` or `warning`), code, message."""
    audit_table: pd.DataFrame | None = None
    """Statistics by split and class."""
    tokenizers: pd.DataFrame | None = None
    """One row a tokenizer: name, bases per token, vocabulary used, unknown rate."""
    importance: Mapping[str, float] | None = None
    """Parameter importance by axis, where a search estimated it."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Package versions."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Artefact keys, name to key."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Where things are: storage root, tracking URI, experiment, run."""


def render_page(page: PageInput) -> str:
    """Return the page as one HTML document."""
    raise NotImplementedError
