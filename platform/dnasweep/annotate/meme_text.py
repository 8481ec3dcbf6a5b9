"""A MEME file of motifs looked through line by line, before a library reads it.

The library ends a motif quietly where its matrix breaks off, and so would score with half of it.
"""

from __future__ import annotations

import re
from pathlib import Path

from dnasweep.errors import InputError

_HEAD = re.compile(r"letter-probability matrix:(.*)", re.IGNORECASE)
_WIDTH = re.compile(r"\bw\s*=\s*(\d+)")
_LETTERS = re.compile(r"\balength\s*=\s*(\d+)")
SUM_WITHIN = 0.02
"""How far the shares of a column may be from 1 in all."""


def check_meme(text: str, file: Path) -> None:
    """Raise `InputError`, with the row, for the first motif that is not whole.

    Checked are that the alphabet is that of DNA, that every motif has a matrix, that it has as many
    rows as it says, each of four shares that add up to 1, and that no name is given twice.
    """
    lines = text.splitlines()
    motif: str | None = None
    names: set[str] = set()
    begun = 0
    at = 0
    while at < len(lines):
        line, row = lines[at].strip(), at + 1
        at += 1
        if line.startswith("ALPHABET=") and line.partition("=")[2].strip() not in ("ACGT", "ACTG"):
            raise _wrong(
                f"the alphabet is {line.partition('=')[2].strip()!r}, not ACGT", file, row
            )
        if line.startswith("MOTIF"):
            if motif is not None:
                raise _wrong(f"the motif {motif} has no matrix", file, begun)
            parts = line.split()
            if len(parts) < 2:
                raise _wrong("the motif has no name", file, row)
            motif, begun = parts[1], row
            if motif in names:
                raise _wrong(f"there is a second motif {motif}", file, row)
            names.add(motif)
        head = _HEAD.match(line)
        if head is None:
            continue
        if motif is None:
            raise _wrong("there is a matrix without a motif", file, row)
        at = _check_matrix(lines, at, motif, head[1], file)
        motif = None
    if motif is not None:
        raise _wrong(f"the motif {motif} has no matrix", file, begun)


def _check_matrix(lines: list[str], at: int, motif: str, head: str, file: Path) -> int:
    letters, width = _LETTERS.search(head), _WIDTH.search(head)
    if letters is not None and int(letters[1]) != 4:
        raise _wrong(f"the motif {motif} has {letters[1]} letters, not 4", file, at)
    first = at
    while at < len(lines) and lines[at].split() and not _ends(lines[at]):
        cells = lines[at].split()
        try:
            shares = [float(cell) for cell in cells]
        except ValueError:
            shares = []
        if len(shares) != 4 or not all(0 <= share <= 1 for share in shares):
            raise _wrong(
                f"the motif {motif} has {lines[at].strip()[:60]!r} where four shares of A, C, G and "
                "T belong",
                file,
                at + 1,
            )
        if abs(sum(shares) - 1) > SUM_WITHIN:
            raise _wrong(
                f"the shares of a column of the motif {motif} add up to {sum(shares):.3g}, not 1",
                file,
                at + 1,
            )
        at += 1
    found = at - first
    if not found or (width is not None and found != int(width[1])):
        said = "" if width is None else f" where it says w={width[1]}"
        raise _wrong(f"the motif {motif} has {found} columns{said}", file, first)
    return at


def _ends(line: str) -> bool:
    return line.lstrip().startswith(("URL", "MOTIF", "log-odds", "letter-probability", "//"))


def _wrong(reason: str, file: Path, row: int) -> InputError:
    return InputError(
        reason,
        file=file,
        row=row,
        remedy="Give a whole file in MEME format, as https://jaspar.elixir.no/downloads has them.",
    )
