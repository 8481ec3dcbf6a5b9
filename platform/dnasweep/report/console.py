"""The terminal that every command writes to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.errors import MarkupError
from rich.segment import Segment
from rich.text import Text

from dnasweep.plain import shown


class Terminal(Console):
    """A console that obeys its own styles and nothing that stands in what it shows."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render, with control characters of the text written out."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(shown(segment.text), segment.style)

    def render_str(self, text: str, **how: Any) -> Text:
        """Read markup; where it is none, the text stands as it is."""
        # Rich would drop some of these without a word.
        text = shown(text)
        try:
            return super().render_str(text, **how)
        except MarkupError:
            return super().render_str(text, **how | {"markup": False})
