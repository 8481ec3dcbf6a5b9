"""Motifs as JASPAR writes them: a line `>id name`, then a row of counts for each base."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dnasweep.errors import InputError
from dnasweep.formats.motif_matrix import BASES, Matrix, numbers

_ROW = re.compile(r"(?:([ACGTacgt])(?=[\s\[|:]))?[\s|:]*(\[?)([^\[\]]*)(\]?)")
_TURNED = "Give MEME format, or a row of counts for each base."


def read_jaspar(text: str, path: Path) -> list[Matrix]:
    """Return the motifs of a JASPAR file as shares: counts over those of their column.

    Rows stand in the order A, C, G, T, or as the letters before them say.

    Raises
    ------
    InputError
        With the row, for the first motif without four rows of as many counts, or with a row for
        each position in their place, as HOMER and HOCOMOCO write them.
    """
    found: list[Matrix] = []
    rows: list[tuple[str, list[float]]] = []
    head, begun = "", 0
    for row, line in enumerate([*text.splitlines(), ">"], start=1):
        if line.lstrip().startswith(">"):
            if begun:
                found.append(_motif(head, rows, path, begun))
            rows, head, begun = [], line.strip()[1:], row
        elif line.strip():
            rows.append(_counts(line.strip(), _id(head), path, row))
    return found


def _id(head: str) -> str:
    return (head.split() or [""])[0]


def _counts(line: str, motif: str, path: Path, row: int) -> tuple[str, list[float]]:
    """Return the letter before a row, "" where there is none, and its counts."""
    match = _ROW.fullmatch(line)
    if match is None or bool(match[2]) != bool(match[4]):
        raise _wrong(f"the motif {motif} has {line[:60]!r} where counts belong", path, row)
    words = match[3].split()
    counts = numbers(words)
    if counts is None:
        wrong = next(word for word in words if numbers([word]) is None)
        raise _wrong(f"{wrong[:40]!r} in the motif {motif} is no count", path, row)
    return (match[1] or "").upper(), counts


def _motif(head: str, rows: Sequence[tuple[str, list[float]]], path: Path, row: int) -> Matrix:
    motif = _id(head)
    letters = [letter for letter, _ in rows]
    widths = {len(counts) for _, counts in rows}
    if len(rows) != len(BASES) or len(widths) != 1 or 0 in widths:
        raise _wrong(
            f"the motif {motif} has not {len(BASES)} rows of as many counts, for A, C, G and T",
            path,
            row,
        )
    if any(letters) and sorted(letters) != sorted(BASES):
        raise _wrong(
            f"the rows of the motif {motif} are called {', '.join(one or '-' for one in letters)}, "
            "not A, C, G, T",
            path,
            row,
        )
    order = [letters.index(base) for base in BASES] if any(letters) else range(len(BASES))
    counts = np.array([rows[i][1] for i in order])
    if not any(letters) and _is_turned(counts, head):
        raise InputError(
            f"the motif {motif} has a row for each position, as HOMER and HOCOMOCO write them, "
            "where JASPAR has one for each base",
            file=path,
            row=row,
            remedy=_TURNED,
        )
    total = counts.sum(0)
    if not total.all():
        raise _wrong(f"a column of the motif {motif} has no counts", path, row)
    name = " ".join(head.split()[1:]) or motif
    return Matrix(motif, name, (counts / total).T)


def _is_turned(counts: NDArray[np.float64], head: str) -> bool:
    """Return whether four unnamed rows are four positions: it is they that add up to one number."""
    cells = head.split("\t")
    if len(cells) > 2 and numbers([cells[2].lstrip("-")]) is not None:
        return counts.shape[1] == len(BASES)
    if counts.shape[1] != len(BASES):
        return False
    rows, columns = counts.sum(1), counts.sum(0)
    return bool(np.ptp(rows) <= 0.005 * rows.max() < np.ptp(columns))


def _wrong(reason: str, path: Path, row: int) -> InputError:
    return InputError(reason, file=path, row=row, remedy="Mend it, or fetch the file again.")
