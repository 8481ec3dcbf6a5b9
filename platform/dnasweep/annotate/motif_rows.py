"""Files of motifs looked through row by row, to tell what is wrong with its place.

The library that reads them fills in what is missing, or ends without saying where.
"""

from __future__ import annotations

import re
from pathlib import Path

from dnasweep.errors import InputError

NUM_BASES = 4
_NEAR = 0.02
_NUMBER = re.compile(r"-?[\d.]+(?:[eE][-+]?\d+)?")


def check_meme(data: bytes, path: Path) -> None:
    """Raise :class:`InputError` for the first row of a MEME file that is no column of a DNA motif."""
    left, motif = 0, ""
    for row, line in enumerate(_lines(data), start=1):
        if match := re.match(r"ALPHABET=\s*(\S+)", line):
            if set(match[1].upper()) != set("ACGT"):
                raise InputError("the motifs are not of DNA", file=path, row=row)
        elif line.startswith("MOTIF"):
            _whole(left, motif, path, row)
            left, motif = 0, " ".join(line.split()[1:2])
        elif line.startswith("letter-probability matrix:"):
            width = re.search(r"\bw=\s*(\d+)", line)
            # Without its width, a motif ends where its rows do.
            left = int(width[1]) if width else 0
        elif left and line.strip():
            numbers = _numbers(line, motif, path, row)
            if len(numbers) != NUM_BASES or abs(sum(numbers) - 1) > _NEAR or min(numbers) < 0:
                raise InputError(
                    f"a column of the motif {motif} is {line.strip()!r}, which is not {NUM_BASES} "
                    "probabilities that sum to 1",
                    file=path,
                    row=row,
                )
            left -= 1
    _whole(left, motif, path, None)


def check_jaspar(data: bytes, path: Path) -> None:
    """Raise :class:`InputError` for the first motif of a JASPAR file without four equal rows."""
    rows: list[int] = []
    motif, begun = "", 0
    for row, line in enumerate([*_lines(data), ">"], start=1):
        if line.startswith(">"):
            if begun and (len(rows) != NUM_BASES or len(set(rows)) != 1 or not rows[0]):
                raise InputError(
                    f"the motif {motif} has not {NUM_BASES} rows of as many counts, for A, C, G "
                    "and T",
                    file=path,
                    row=begun,
                )
            rows, motif, begun = [], " ".join(line[1:].split()[:1]), row
        elif line.strip():
            counts = re.sub(r"^\s*[ACGT]\b|[\[\]]", " ", line)
            rows.append(len(_numbers(counts, motif, path, row)))


def _whole(left: int, motif: str, path: Path, row: int | None) -> None:
    if left:
        raise InputError(f"the motif {motif} ends {left} columns early", file=path, row=row)


def _numbers(line: str, motif: str, path: Path, row: int) -> list[float]:
    words = line.split()
    for word in words:
        if not _NUMBER.fullmatch(word):
            raise InputError(f"{word!r} in the motif {motif} is no number", file=path, row=row)
    return [float(word) for word in words]


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", errors="replace").splitlines()
