"""The content of a page as a value; :mod:`.render` and :mod:`.terminal` determine how it looks.

Builders need not leave anything out: a table without rows, a figure without a drawing and a section
without content are not shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pandas as pd

from dnasweep.report.drawing import Drawing
from dnasweep.sweeps.verdicts import Verdict, table_of

Mark = Literal["", "chosen", "reference", "loses", "sick", "total", "published"]
"""Why a row of a table is highlighted."""


class Block:
    """An element of a page."""

    kind: ClassVar[str]
    """Kind of block, for the renderers."""
    content: ClassVar[str]
    """Field that must not be empty for the block to be shown."""

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
    """The drawing; None if there is nothing to draw."""
    name: str = ""
    """Name of the PNG file, without extension; empty if there is none."""


@dataclass(frozen=True)
class PageTable(Block):
    """A table whose columns are titled and written by :mod:`dnasweep.report.columns`."""

    kind, content = "table", "frame"
    name: str
    """Id of the element on the page, without `-table`."""
    frame: pd.DataFrame | None
    """The table; None if there is nothing to show."""
    caption: str = ""
    marks: Sequence[str] = ()
    """Why each row is highlighted (a :data:`Mark` each); empty if none is."""
    numeric: Sequence[str] | None = None
    """Columns to align on the right. Default: columns of numbers."""
    end: str = ""
    """Suffix of the element's id, if a page has several such tables."""
    hidden: Sequence[str] = ()
    """Columns that are hidden until a reader shows them."""
    named: Sequence[str] = ()
    """Columns named after classes, species or models, which are titled and written without rules."""
    logos: Sequence[Sequence[Sequence[float]]] = ()
    """A logo for each row in an extra column: bits of A, C, G and T by position; empty if there are none."""

    @property
    def element(self) -> str:
        """Id of the element on the page."""
        return f"{self.name}-table{self.end}"


@dataclass(frozen=True)
class Text(Block):
    """Paragraphs."""

    kind, content = "text", "paragraphs"
    paragraphs: Sequence[str]
    soft: bool = False
    """Whether the text is an aside."""
    heading: str = ""


@dataclass(frozen=True)
class Bullets(Block):
    """Sentences; the part before the first colon is shown in bold."""

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
class Fold(Block):
    """Blocks that are collapsed until a reader opens them."""

    kind, content = "fold", "shown"
    title: str
    blocks: Sequence[Block]

    @property
    def shown(self) -> list[Block]:
        """The blocks that are not empty."""
        return [block for block in self.blocks if not block.empty]


@dataclass(frozen=True)
class Logos(Block):
    """Sequences to browse and search, each drawn as a logo of its values."""

    kind, content = "logos", "sequences"
    sequences: Sequence[Mapping[str, Any]]
    """Each with `name`, `about`, `bases`, `values` (whole numbers, thousandths of `scale`), `first`
    position, and `box`: the first position of the shaded part and one past its last, or None."""
    scale: float
    """The largest value of all sequences, by which they are scaled."""
    unit: str
    caption: str


@dataclass(frozen=True)
class Answer:
    """The first screen: the result, a figure of it, and the next steps."""

    verdict: str
    """The result, in one or two sentences."""
    mark: Literal["", "yes", "no", "open"] = ""
    """Whether the result is significant; `open`: not tested."""
    figure: PageFigure | None = None
    steps: Sequence[tuple[str, str]] = ()
    """Next steps: a description, and a command or an address to copy."""


@dataclass(frozen=True)
class Section:
    """A heading and its content."""

    name: str
    """Id of the heading on the page; empty if nothing links to it."""
    title: str
    blocks: Sequence[Block]
    link: str | None = None
    """Name in the list of sections; empty: not listed. Default: the title."""
    level: Literal[1, 2] = 2
    """Level of the heading."""
    folded: bool = False
    """Whether the section is collapsed at first."""

    @property
    def shown(self) -> list[Block]:
        """The blocks that are not empty."""
        return [block for block in self.blocks if not block.empty]


@dataclass(frozen=True, kw_only=True)
class Page:
    """A whole report."""

    title: str
    lead: Sequence[str]
    """Subject of the page, below the title."""
    answer: Answer | None = None
    """The first screen."""
    notice: Notice = field(default_factory=lambda: Notice("", ()))
    """Warnings and notes before the sections."""
    sections: Sequence[Section]
    beside: Sequence[PageFigure] = ()
    """Figures that are written to files but not shown on the page."""

    @property
    def shown(self) -> list[Section]:
        """The sections that are not empty, and the headings of parts."""
        return [one for one in self.sections if one.shown or one.level == 1]

    def blocks(self) -> Iterator[Block]:
        """Yield all blocks that are shown, in order."""
        if self.answer and self.answer.figure and not self.answer.figure.empty:
            yield self.answer.figure
        for section in self.shown:
            yield from _unfolded(section.shown)

    def figures(self) -> Iterator[PageFigure]:
        """Yield the figures that have their own file."""
        for block in (*self.blocks(), *self.beside):
            if isinstance(block, PageFigure) and block.name:
                yield block


def _unfolded(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        yield from _unfolded(block.shown) if isinstance(block, Fold) else (block,)


def findings_section(
    sentences: Sequence[str], verdicts: Sequence[Verdict], reading: str, *, end: str = ""
) -> Section:
    """Return the section of findings: a table of the tests, and collapsed sentences.

    Parameters
    ----------
    sentences
        Findings, the most important first.
    verdicts
        The tested claims, shown as a table.
    reading
        How to read them.
    end
        Suffix of element ids, if a page has several such sections.
    """
    caption = "Each claim with its estimate, 95 % interval and p-value adjusted over its family."
    marks = ["chosen" if v.significant else "" for v in verdicts]
    return Section(
        f"findings{end}",
        "Findings",
        [
            PageTable("verdicts", table_of(verdicts), caption, marks, end=end),
            Text([reading], soft=True),
            Fold("In sentences", [Bullets(sentences)]) if verdicts else Bullets(sentences),
        ],
    )
