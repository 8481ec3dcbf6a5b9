"""The files of a report: the page, its figures as PNG and its tables as CSV."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from dnasweep.plain import write_csv
from dnasweep.report.drawing import png
from dnasweep.report.page import Page
from dnasweep.report.render import render


def write_page(
    page: Page, path: Path, *, tables: Mapping[str, pd.DataFrame] | None = None
) -> Path:
    """Write a page, its named figures and further tables into a folder; return the path of the page.

    Parameters
    ----------
    page
        Page to write.
    path
        The HTML file; its folder is created if it does not exist.
    tables
        Tables by the names of their CSV files, without extension.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for figure in page.figures():
        assert figure.drawing is not None
        path.with_name(f"{figure.name}.png").write_bytes(png(figure.drawing))
    for name, table in (tables or {}).items():
        write_csv(table, path.with_name(f"{name}.csv"))
    path.write_text(render(page), encoding="utf-8")
    return path
