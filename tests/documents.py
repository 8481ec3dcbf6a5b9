"""The documents of the repository, and the blocks of code in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILT = ("_build", "commands", "generated")
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *sorted(
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "docs").rglob("*.md")
        if not set(BUILT) & set(path.parts)
    ),
)


def blocks(document: str, language: str) -> Iterator[str]:
    """Yield the code blocks of a document that are of a language; of none with an empty name."""
    text = (ROOT / document).read_text(encoding="utf-8")
    for indent, found, body in re.findall(r"(?ms)^( *)```([^\n`]*)\n(.*?)^ *```$", text):
        if found == language:
            yield re.sub(rf"(?m)^{indent}", "", body)
