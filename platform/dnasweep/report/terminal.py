"""Tables and findings of a report in a terminal of 80 columns or more."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

from dnasweep.plain import shown
from dnasweep.report.columns import text_of, title_of

READABLE = 16
"""Characters that a text column keeps in a narrow terminal, as far as numbers leave room for them."""
HEADING = 8
"""Length from which a word of a heading over numbers may be divided."""
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
    """A table that shows text literally, even if it contains brackets, and keeps its columns readable.

    Rich alone would narrow all columns of a wide table to the same width, and cut numbers.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        # A column has one space of padding and one line beside it, the table one line more.
        free = options.max_width - 2 * len(self.columns) - 1
        texts = [column for column in self.columns if column.overflow == "fold"]
        numbers = [column for column in self.columns if column.overflow != "fold"]
        least = [_least(column, console, options) for column in numbers]
        whole = [_whole(column, console, options) for column in numbers]
        wanted = [_whole(column, console, options) for column in texts]
        readable = sum(min(width, READABLE) for width in wanted)
        room = max(free - sum(whole), min(free - sum(least), readable))
        if room >= len(texts):
            for column, width in zip(texts, _shared(room, wanted), strict=True):
                column.width = width
            more = [a - b for a, b in zip(whole, least, strict=True)]
            rest = free - sum(column.width or 0 for column in texts) - sum(least)
            for column, a, b in zip(numbers, least, _shared(rest, more), strict=True):
                column.width = a + b
        yield from super().__rich_console__(console, options)

    def add_row(self, *cells: RenderableType | None, **how: Any) -> None:
        super().add_row(*(Text(shown(c)) if isinstance(c, str) else c for c in cells), **how)

    def add_column(self, header: RenderableType = "", *rest: Any, **how: Any) -> None:
        named = Text(header, overflow="fold") if isinstance(header, str) else header
        super().add_column(named, *rest, **how)


def _whole(column: Column, console: Console, options: ConsoleOptions) -> int:
    """Return the width of a column without line breaks."""
    cells = (column.header, *column.cells)
    return max(1, *(Measurement.get(console, options, cell).maximum for cell in cells))


def _least(column: Column, console: Console, options: ConsoleOptions) -> int:
    """Return the width in which no word of a column is cut, and a cell such as `0.712 ± 0.012` has two lines."""
    cells = [Measurement.get(console, options, cell) for cell in column.cells]
    heading = Measurement.get(console, options, column.header).minimum
    longest = (max(one.minimum, math.ceil(one.maximum / 2)) for one in cells)
    return max(1, min(heading, HEADING), *longest)


def _shared(room: int, wanted: Sequence[int]) -> list[int]:
    """Return widths of columns that share a room, none wider than wanted.

    Examples
    --------
    >>> _shared(30, [40, 6, 12])
    [12, 6, 12]
    """
    widths = [0] * len(wanted)
    ascending = sorted(range(len(wanted)), key=wanted.__getitem__)
    for left, place in zip(range(len(wanted), 0, -1), ascending, strict=True):
        widths[place] = min(wanted[place], room // left)
        room -= widths[place]
    return widths
