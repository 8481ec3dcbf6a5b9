"""A JASPAR file of motifs looked through line by line, before a library reads it.

The library ends at a row it does not understand without saying where it stands.
"""

from __future__ import annotations

import re
from pathlib import Path

from dnasweep.errors import InputError

NUM_BASES = 4
_NUMBER = re.compile(r"-?[\d.]+(?:[eE][-+]?\d+)?")


def check_jaspar(text: str, path: Path) -> None:
    """Raise :class:`InputError` for the first motif of a JASPAR file without four equal rows."""
    rows: list[int] = []
    motif, begun = "", 0
    for row, line in enumerate([*text.splitlines(), ">"], start=1):
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


def _numbers(line: str, motif: str, path: Path, row: int) -> list[float]:
    words = line.split()
    for word in words:
        if not _NUMBER.fullmatch(word):
            raise InputError(f"{word!r} in the motif {motif} is no number", file=path, row=row)
    return [float(word) for word in words]
