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


@dataclass(frozen=True)
class PageFigure:
    """A figure with its title and caption."""

    kind: ClassVar[str] = "figure"
    title: str
    caption: str
    drawing: Drawing | None
    """None: there is nothing to draw."""
    name: str = ""
    """Of its PNG file, without ending; empty: it has none."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return self.drawing is None


@dataclass(frozen=True)
class PageTable:
    """A table whose columns are titled and written by :mod:`dnasweep.report.columns`."""

    kind: ClassVar[str] = "table"
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

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return self.frame is None or self.frame.empty


@dataclass(frozen=True)
class Text:
    """Paragraphs."""

    kind: ClassVar[str] = "text"
    paragraphs: Sequence[str]
    soft: bool = False
    """Whether they are an aside."""
    heading: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not any(self.paragraphs)


@dataclass(frozen=True)
class Bullets:
    """Sentences; what stands before the first colon is shown in bold."""

    kind: ClassVar[str] = "bullets"
    sentences: Sequence[str]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not self.sentences


@dataclass(frozen=True)
class Notice:
    """Warnings in a box."""

    kind: ClassVar[str] = "notice"
    title: str
    sentences: Sequence[str]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not self.sentences


@dataclass(frozen=True)
class Facts:
    """Labels with their values."""

    kind: ClassVar[str] = "facts"
    values: Mapping[str, Any]
    heading: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not self.values


@dataclass(frozen=True)
class Code:
    """A command line."""

    kind: ClassVar[str] = "code"
    text: str

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not self.text


Block = PageFigure | PageTable | Text | Bullets | Notice | Facts | Code


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
