"""What stands in a page: links and tables, read by a parser that wants every element closed."""

from __future__ import annotations

import html.parser


class Outline(html.parser.HTMLParser):
    """Collects links, tables and whether every element is closed."""

    VOID = frozenset({"meta", "link", "img", "source", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self._id = ""
        self._cell = False

    def handle_starttag(self, tag: str, attrs) -> None:
        known = dict(attrs)
        self.links += [known[n] for n in ("src", "srcset", "href", "action") if known.get(n)]
        if tag == "table":
            self._id = known["id"]
            self.tables[self._id] = []
        if tag == "tr":
            self.tables[self._id].append([])
        if tag in ("td", "th"):
            self.tables[self._id][-1].append("")
            self._cell = True
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag in ("td", "th"):
            self._cell = False

    def handle_data(self, data: str) -> None:
        if self._cell:
            self.tables[self._id][-1][-1] += data.strip()


def outline(text: str) -> Outline:
    """Return what stands in a page."""
    parser = Outline()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return parser
