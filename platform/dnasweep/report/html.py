"""What the pages share: templates, tables that sort, and sentences that do not break in odd places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup, escape


def render(template: str, **values: Any) -> str:
    """Return a template of this folder filled in; every value is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dnasweep.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["unbroken"] = unbroken
    return environment.get_template(template).render(values)


def sortable(
    table: pd.DataFrame | None,
    *,
    title: Callable[[str], str],
    text: Callable[[str, object], str],
    marks: list[str] | None = None,
    numeric: Sequence[str] | None = None,
) -> dict[str, Any] | None:
    """Return a table as the templates take it: titles, and rows of (text, sort value).

    Parameters
    ----------
    table
        Any table; None and one without rows give None.
    title
        Heading of a column, from its name.
    text
        What stands in a cell, from the column's name and the value.
    marks
        Class of each row.
    numeric
        Columns to align on the right. Default: those of numbers.
    """
    if table is None or table.empty:
        return None
    if numeric is None:
        numeric = [n for n in table.columns if pd.api.types.is_numeric_dtype(table[n])]
    rows = []
    for values in table.itertuples(index=False, name=None):
        pairs = zip(table.columns, values, strict=True)
        rows.append([(text(str(name), value), _sort_value(value)) for name, value in pairs])
    return {
        "titles": [title(str(name)) for name in table.columns],
        "numeric": [name in numeric for name in table.columns],
        "rows": rows,
        "marks": marks or [""] * len(rows),
    }


def unbroken(sentence: str) -> Markup:
    """Return a finding with its lead in bold and no line break within `p = 0.01` or `a ± b`."""
    for sign in ("=", "<", "±"):
        sentence = sentence.replace(f" {sign} ", f"\u00a0{sign}\u00a0")
    lead, colon, rest = sentence.partition(": ")
    if not colon or len(lead) > 60:
        return escape(sentence)
    return Markup("<strong>{}:</strong> {}").format(lead, rest)


def _sort_value(value: object) -> str:
    if isinstance(value, int | float | np.integer | np.floating) and not pd.isna(value):
        return repr(float(value))
    return "" if value is None or value is pd.NA or value != value else str(value)
