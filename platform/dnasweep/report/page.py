"""What a page says, as a value: how it looks is a matter of :mod:`.html` and :mod:`.terminal`.

Builders leave out nothing themselves: a table without rows, a figure without a drawing and a
section without content are not shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pandas as pd

from dnasweep.report.drawing import Drawing
from dnasweep.sweeps.verdicts import Verdict, table_of

Mark = Literal["", "chosen", "reference", "loses", "sick", "total"]
"""Why a row of a table stands out."""


class Block:
    """Something that stands on a page."""

    kind: ClassVar[str]
    """By which a renderer knows it."""
    content: ClassVar[str]
    """The field without which there is nothing to show."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        value = getattr(self, self.content)
        if isinstance(value, pd.DataFrame):
            return value.empty
        return value is None or not any(value)


@dataclass(frozen=True)
class PageFigure(Block):
    """A figure with its title and caption."""

    kind, content = "figure", "drawing"
    title: str
    caption: str
    drawing: Drawing | None
    """None: there is nothing to draw."""
    name: str = ""
    """Of its PNG file, without ending; empty: it has none."""


@dataclass(frozen=True)
class PageTable(Block):
    """A table whose columns are titled and written by :mod:`dnasweep.report.columns`."""

    kind, content = "table", "frame"
    name: str
    """Of its element in the page, without `-table`."""
    frame: pd.DataFrame | None
    """None: there is nothing to show."""
    caption: str = ""
    marks: Sequence[str] = ()
    """Why each row stands out (a :data:`Mark` each); empty: none does."""
    numeric: Sequence[str] | None = None
    """Columns to align on the right. Default: those of numbers."""
    end: str = ""
    """Of its element in the page, where a page has several such tables."""

    @property
    def element(self) -> str:
        """Its element in the page."""
        return f"{self.name}-table{self.end}"


@dataclass(frozen=True)
class Text(Block):
    """Paragraphs."""

    kind, content = "text", "paragraphs"
    paragraphs: Sequence[str]
    soft: bool = False
    """Whether they are an aside."""
    heading: str = ""


@dataclass(frozen=True)
class Bullets(Block):
    """Sentences; what stands before the first colon is shown in bold."""

    kind, content = "bullets", "sentences"
    sentences: Sequence[str]


@dataclass(frozen=True)
class Notice(Block):
    """Warnings in a box."""

    kind, content = "notice", "sentences"
    title: str
    sentences: Sequence[str]


@dataclass(frozen=True)
class Facts(Block):
    """Labels with their values."""

    kind, content = "facts", "values"
    values: Mapping[str, Any]
    heading: str = ""


@dataclass(frozen=True)
class Code(Block):
    """A command line."""

    kind, content = "code", "text"
    text: str


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it."""

    name: str
    """Of its heading in the page; empty: nothing points there."""
    title: str
    blocks: Sequence[Block]
    link: str | None = None
    """How the list of sections names it; empty: not at all. Default: its title."""
    level: Literal[1, 2] = 2
    """Of its heading."""

    @property
    def shown(self) -> list[Block]:
        """The blocks with something in them."""
        return [block for block in self.blocks if not block.empty]


@dataclass(frozen=True, kw_only=True)
class Page:
    """A whole report."""

    title: str
    lead: Sequence[str]
    """What it is of, below the title."""
    notice: Notice = field(default_factory=lambda: Notice("", ()))
    """What a reader has to know before anything else."""
    sections: Sequence[Section]

    @property
    def shown(self) -> list[Section]:
        """The sections with something in them, and headings of parts."""
        return [one for one in self.sections if one.shown or one.level == 1]

    def blocks(self) -> Iterator[Block]:
        """Yield everything that is shown, in order."""
        for section in self.shown:
            yield from section.shown

    def figures(self) -> Iterator[PageFigure]:
        """Yield the figures that have a file of their own."""
        for block in self.blocks():
            if isinstance(block, PageFigure) and block.name:
                yield block


def findings_section(
    sentences: Sequence[str], verdicts: Sequence[Verdict], reading: str, *, end: str = ""
) -> Section:
    """Return the section that every page begins with.

    Parameters
    ----------
    sentences
        What was found, the most important first.
    verdicts
        The claims that were tested, as a table below them.
    reading
        How to read them.
    end
        Behind the names of elements, where a page has several such sections.
    """
    caption = "Each claim with its estimate, 95 % interval and p-value adjusted over its family."
    marks = ["chosen" if v.significant else "" for v in verdicts]
    return Section(
        f"findings{end}",
        "Findings",
        [
            Bullets(sentences),
            Text([reading], soft=True),
            PageTable("verdicts", table_of(verdicts), caption, marks, end=end),
        ],
    )
