"""Tables and findings of a report in a terminal of 100 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dnasweep.plain import shown
from dnasweep.report.columns import text_of, title_of

STYLES = {
    "chosen": "bold",
    "total": "bold",
    "reference": "cyan",
    "loses": "yellow",
    "sick": "dim",
    "published": "dim",
}
"""Style of highlighted rows, by their :data:`~dnasweep.report.page.Mark`."""


def summary(tables: Sequence[RenderableType], findings: Sequence[str]) -> RenderableType:
    """Return tables with the findings below them."""
    return Group(*tables, Text("Findings", style="bold"), bullets(findings))


def bullets(sentences: Sequence[str]) -> Table:
    """Return sentences as a list."""
    grid = Table.grid(padding=(0, 1))
    for sentence in sentences:
        grid.add_row("•", Text(shown(sentence)))
    return grid


def terminal_table(
    title: str,
    frame: pd.DataFrame,
    *,
    marks: Sequence[str] = (),
    left: Sequence[str] = (),
    titles: Mapping[str, str] | None = None,
    caption: str = "",
) -> Table:
    """Return a table for the terminal, with columns formatted as on pages.

    Parameters
    ----------
    title
        Title above it.
    frame
        The table. Texts are shown as they are, missing values as a dash.
    marks
        Why each row is highlighted; empty if none is.
    left
        Text columns, which are aligned on the left and wrapped if necessary. Default: the first.
    titles
        Titles by column, if they are to be shorter than on pages.
    caption
        Caption below it.
    """
    table = new_table(title)
    table.caption = caption or None
    names = list(map(str, frame.columns))
    for place, name in enumerate(names):
        text = name in left if left else place == 0
        heading = (titles or {}).get(name, title_of(name))
        table.add_column(
            heading, justify="left" if text else "right", overflow="fold" if text else "ellipsis"
        )
    rows = frame.itertuples(index=False, name=None)
    for values, mark in zip(rows, marks or [""] * len(frame), strict=True):
        texts = [
            value if isinstance(value, str) else text_of(name, value)
            for name, value in zip(names, values, strict=True)
        ]
        table.add_row(*texts, style=STYLES.get(mark))
    return table


def new_table(title: str) -> Table:
    """Return an empty table in the style of all terminal tables; its texts are not read as markup."""
    return _Plain(
        title=Text(title, style="table.title"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )


class _Plain(Table):
    """A table that shows text literally, even if it contains brackets."""

    def add_row(self, *cells: RenderableType | None, **how: Any) -> None:
        super().add_row(*(Text(shown(c)) if isinstance(c, str) else c for c in cells), **how)

    def add_column(self, header: RenderableType = "", *rest: Any, **how: Any) -> None:
        named = Text(header) if isinstance(header, str) else header
        super().add_column(named, *rest, **how)
