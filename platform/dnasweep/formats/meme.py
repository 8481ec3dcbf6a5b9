"""Motifs in MEME format, minimal or as MEME, STREME and JASPAR write it.

Read here, since the libraries at hand change what they read: lightmotif divides shares by the
background of the file, and Biopython rounds them to whole counts of `nsites`. The background, the
strands and log odds are passed over: a share is what the file says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dnasweep.errors import InputError
from dnasweep.formats.motif_matrix import BASES, Matrix, numbers

_HEAD = re.compile(r"letter-probability matrix:?(.*)", re.IGNORECASE)
_WIDTH = re.compile(r"\bw\s*=\s*(\S+)")
_LETTERS = re.compile(r"\balength\s*=\s*(\S+)")
_RULE = re.compile(r"[-*]{4,}")
_REMEDY = "Mend it, or fetch the file again."


class _Head(NamedTuple):
    motif: str
    width: int | None
    row: int


def is_meme(text: str) -> bool:
    """Return whether a text says that it is of MEME's format."""
    return re.search(r"^\s*MEME version\b", text, re.MULTILINE) is not None


def read_meme(text: str, file: Path) -> list[Matrix]:
    """Return the motifs of a MEME file, their shares as they are written.

    Raises
    ------
    InputError
        With the row, where the alphabet is not that of DNA, a motif has no matrix or a second one,
        a matrix has not as many rows as it says, a row is not four shares that add up to 1, or a
        name is given twice.
    """
    lines = text.splitlines()
    found: dict[str, Matrix] = {}
    waiting: tuple[str, str, int] | None = None
    at = 0
    while at < len(lines):
        line, row = lines[at].strip(), at + 1
        at += 1
        words = line.split()
        if line.upper().startswith("ALPHABET"):
            at = _check_alphabet(lines, at, file)
        elif words[:1] == ["MOTIF"]:
            if waiting is not None:
                raise _without_matrix(waiting, file)
            waiting = (*_names(words, file, row), row)
            if waiting[0] in found:
                raise _wrong(f"there is a second motif {waiting[0]}", file, row)
        elif (head := _HEAD.match(line)) is not None:
            if waiting is None:
                raise _wrong("there is a matrix without a motif", file, row)
            width = _size(head[1], waiting[0], file, row)
            rows, at = _rows(lines, at, _Head(waiting[0], width, row), file)
            found[waiting[0]] = Matrix(waiting[0], waiting[1], np.array(rows))
            waiting = None
    if waiting is not None:
        raise _without_matrix(waiting, file)
    return list(found.values())


def _names(words: Sequence[str], file: Path, row: int) -> tuple[str, str]:
    """Return id and name of a line `MOTIF id name`, after which MEME writes `width = 8`."""
    if len(words) < 2:
        raise _wrong("the motif has no name", file, row)
    has_name = len(words) > 2 and not (words[2] == "width" and words[3:4] == ["="])
    return words[1], words[2] if has_name else words[1]


def _check_alphabet(lines: Sequence[str], at: int, file: Path) -> int:
    """Refuse an alphabet that is not DNA's, and return where the file goes on."""
    line, row = lines[at - 1].strip(), at
    _, there, letters = line.partition("=")
    if not there and '"' in line:
        letters = ""
        while at < len(lines) and not lines[at].strip().upper().startswith("END ALPHABET"):
            symbol = lines[at].split()
            # Of one letter that stands for several, such as N = ACGT, nothing is needed.
            if symbol and "=" not in symbol:
                letters += symbol[0] + (symbol[symbol.index("~") + 1] if "~" in symbol else "")
            at += 1
        letters = "".join(sorted(letters))
    if letters.strip().upper() != BASES:
        raise InputError(
            f"the alphabet is {letters.strip()[:40]!r}, not ACGT",
            file=file,
            row=row,
            remedy="Give motifs of DNA, their columns in the order A, C, G, T.",
        )
    return at


def _size(head: str, motif: str, file: Path, row: int) -> int | None:
    """Return the width that the first line of a matrix tells, None where it does not."""
    letters, width = _LETTERS.search(head), _WIDTH.search(head)
    if letters is not None and letters[1] != "4":
        raise _wrong(f"the motif {motif} has {letters[1]} letters, not 4", file, row)
    if width is None:
        return None
    if not (width[1].isascii() and width[1].isdecimal()):
        raise _wrong(f"the width of the motif {motif} is {width[1]!r}", file, row)
    return int(width[1])


def _rows(lines: Sequence[str], at: int, head: _Head, file: Path) -> tuple[list[list[float]], int]:
    """Return the rows of a matrix, and where the file goes on."""
    found: list[list[float]] = []
    texts: list[list[str]] = []
    places: list[int] = []
    while at < len(lines):
        line = lines[at].strip()
        if not line:
            # A blank line ends a matrix whose width is not told.
            if found if head.width is None else len(found) >= head.width:
                break
        elif _ends(line):
            break
        else:
            cells = line.split()
            shares = numbers(cells)
            if shares is None or len(shares) != len(BASES) or max(shares) > 1:
                raise _wrong(
                    f"the motif {head.motif} has {line[:60]!r} where four shares of A, C, G and "
                    "T belong",
                    file,
                    at + 1,
                )
            found.append(shares)
            texts.append(cells)
            places.append(at + 1)
        at += 1
    if not found or (head.width is not None and len(found) != head.width):
        said = "" if head.width is None else f" where it says w={head.width}"
        raise _wrong(f"the motif {head.motif} has {len(found)} columns{said}", file, head.row)
    within = _rounding(texts)
    for shares, place in zip(found, places, strict=True):
        if abs(sum(shares) - 1) > within:
            raise _wrong(
                f"the shares of a column of the motif {head.motif} add up to {sum(shares):.5g}, "
                "not 1",
                file,
                place,
            )
    return found, at


def _rounding(texts: Sequence[Sequence[str]]) -> float:
    """Return how far the sum of four shares may be from 1: they are rounded as they are written."""
    decimals = max(
        len(cell.lower().partition("e")[0].partition(".")[2]) for row in texts for cell in row
    )
    return max(0.001, 2 * 10.0 ** -max(decimals, 2)) + 1e-9


def _ends(line: str) -> bool:
    starts = ("URL", "MOTIF", "log-odds", "letter-probability", "//", "Time")
    return line.startswith(starts) or _RULE.match(line) is not None


def _without_matrix(motif: tuple[str, str, int], file: Path) -> InputError:
    return _wrong(f"the motif {motif[0]} has no matrix of letter probabilities", file, motif[2])


def _wrong(reason: str, file: Path, row: int) -> InputError:
    return InputError(reason, file=file, row=row, remedy=_REMEDY)
