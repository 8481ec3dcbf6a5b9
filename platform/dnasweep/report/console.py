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
    """A console that applies only its own styles, and ignores control characters in the text it shows."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render with control characters in the text made visible."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(shown(segment.text), segment.style)

    def render_str(self, text: str, **how: Any) -> Text:
        """Read markup; text that is not valid markup is shown as it is, and `:100:` is no emoji."""
        how["emoji"] = False
        # Rich would silently drop some of these.
        text = shown(text)
        try:
            return super().render_str(text, **how)
        except MarkupError:
            return super().render_str(text, **how | {"markup": False})
