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

Mark = Literal["", "chosen", "reference", "loses", "sick", "total", "published"]
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
    hidden: Sequence[str] = ()
    """Columns that are not shown until a reader asks for them."""
    logos: Sequence[Sequence[Sequence[float]]] = ()
    """A logo for each row, in a column of its own: bits of A, C, G and T by column; empty: none."""

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
class Fold(Block):
    """Blocks that a reader opens."""

    kind, content = "fold", "shown"
    title: str
    blocks: Sequence[Block]

    @property
    def shown(self) -> list[Block]:
        """The blocks with something in them."""
        return [block for block in self.blocks if not block.empty]


@dataclass(frozen=True)
class Logos(Block):
    """Sequences to browse and search, each with its bases as high as their values."""

    kind, content = "logos", "sequences"
    sequences: Sequence[Mapping[str, Any]]
    """`name`, `about`, `bases`, `values` (whole numbers, thousandths of `scale`), `first` position,
    and `box`: the first position of what is shaded and one past its last, or None."""
    scale: float
    """The largest value of all, by which every sequence is drawn."""
    unit: str
    caption: str


@dataclass(frozen=True)
class Answer:
    """The first screen: what was found, one picture of it, and what to do next."""

    verdict: str
    """In one or two sentences."""
    mark: Literal["", "yes", "no", "open"] = ""
    """Whether it is more than chance; `open`: not tested."""
    figure: PageFigure | None = None
    steps: Sequence[tuple[str, str]] = ()
    """What to do next, in words, with a command or an address to copy."""


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
    folded: bool = False
    """Whether it is closed at first."""

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
    answer: Answer | None = None
    """What stands before everything else."""
    notice: Notice = field(default_factory=lambda: Notice("", ()))
    """What a reader has to know before the sections."""
    sections: Sequence[Section]
    beside: Sequence[PageFigure] = ()
    """Figures that have a file, and no place on the page."""

    @property
    def shown(self) -> list[Section]:
        """The sections with something in them, and headings of parts."""
        return [one for one in self.sections if one.shown or one.level == 1]

    def blocks(self) -> Iterator[Block]:
        """Yield everything that is shown, in order."""
        if self.answer and self.answer.figure and not self.answer.figure.empty:
            yield self.answer.figure
        for section in self.shown:
            yield from _unfolded(section.shown)

    def figures(self) -> Iterator[PageFigure]:
        """Yield the figures that have a file of their own."""
        for block in (*self.blocks(), *self.beside):
            if isinstance(block, PageFigure) and block.name:
                yield block


def _unfolded(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        yield from _unfolded(block.shown) if isinstance(block, Fold) else (block,)


def findings_section(
    sentences: Sequence[str], verdicts: Sequence[Verdict], reading: str, *, end: str = ""
) -> Section:
    """Return the section of what was found: as a table, and folded in sentences.

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
            PageTable("verdicts", table_of(verdicts), caption, marks, end=end),
            Text([reading], soft=True),
            Fold("In sentences", [Bullets(sentences)]) if verdicts else Bullets(sentences),
        ],
    )
