"""Motifs of files in which each begins with `>`: JASPAR, with a row for each base, and HOMER and HOCOMOCO, with a
row for each position."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dnasweep.errors import InputError
from dnasweep.formats.motif_matrix import BASES, DAMAGED, Motif, numbers

_ROW = re.compile(r"(?:([ACGTacgt])(?=[\s\[|:]))?[\s|:]*(\[?)([^\[\]]*)(\]?)")
_UNEQUAL = 0.005
"""Relative difference up to which sums of rows are equal: frequencies are rounded."""


class _Block(NamedTuple):
    """A motif as its lines are written."""

    head: str
    """Its first line, without `>`."""
    row: int
    """Number of its first line in the file, from 1."""
    letters: list[str]
    """The letter before each row; "" if there is none."""
    counts: list[list[float]]

    @property
    def name(self) -> str:
        return (self.head.split() or [""])[0]

    @property
    def is_of_homer(self) -> bool:
        cells = self.head.split("\t")
        return len(cells) > 2 and numbers([cells[2].lstrip("-")]) is not None

    @property
    def could_be_positions(self) -> bool:
        widths = {len(row) for row in self.counts}
        return widths == {len(BASES)} and not any(self.letters)

    @property
    def is_by_position(self) -> bool:
        """Whether the rows can only be positions: not every row of a truncated file has the same sum."""
        if not self.could_be_positions:
            return False
        sums = np.array(self.counts).sum(1)
        return self.is_of_homer or (
            len(self.counts) != len(BASES) and np.ptp(sums) <= _UNEQUAL * sums.max()
        )


def read_counts(text: str, path: Path) -> list[Motif]:
    """Return the motifs of a file: a line `>id name`, then rows of counts or frequencies.

    Rows of JASPAR are those of A, C, G and T, unless letters before them give another order. A file has a row
    for each position, with A, C, G and T in its columns, if a motif has the first line that HOMER writes, or four
    columns and another number of rows, whose sums are equal.

    Raises
    ------
    InputError
        For a motif whose rows do not have this form, with its row; and for a motif of four rows that could
        be either, if no other motif of the file tells.
    """
    blocks = _blocks(text, path)
    by_position = any(block.is_by_position for block in blocks)
    return [(_of_positions if by_position else _of_bases)(block, path) for block in blocks]


def _blocks(text: str, path: Path) -> list[_Block]:
    found: list[_Block] = []
    for row, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith(">"):
            found.append(_Block(line.strip()[1:], row, [], []))
        elif line.strip():
            try:
                letter, counts = _counts(line.strip(), found[-1].name)
            except ValueError as error:
                raise InputError(str(error), file=path, row=row, remedy=DAMAGED) from None
            found[-1].letters.append(letter)
            found[-1].counts.append(counts)
    return found


def _counts(line: str, motif: str) -> tuple[str, list[float]]:
    """Return the letter before a row ("" if there is none) and the counts of the row."""
    match = _ROW.fullmatch(line)
    if match is None or bool(match[2]) != bool(match[4]):
        raise ValueError(f"the motif {motif} has {line[:60]!r} where counts are expected")
    cells = match[3].split()
    counts = numbers(cells)
    if counts is None:
        wrong = next(cell for cell in cells if numbers([cell]) is None)
        raise ValueError(f"{wrong[:40]!r} in the motif {motif} is not a count")
    return (match[1] or "").upper(), counts


def _of_positions(block: _Block, path: Path) -> Motif:
    counts = np.array(block.counts) if block.could_be_positions else np.zeros((1, 1))
    if not counts.sum(1).all():
        reason = (
            f"the motif {block.name} does not have rows of {len(BASES)} numbers, for A, C, G and T, as "
            "other motifs of the file have"
            if not block.could_be_positions
            else f"a row of the motif {block.name} has no counts"
        )
        raise InputError(reason, file=path, row=block.row, remedy=DAMAGED)
    if not block.is_of_homer:
        return _named(block, counts)
    # HOMER writes the consensus before the name.
    name = block.head.split("\t")[1].strip() or block.name
    return Motif(name, name, counts / counts.sum(1, keepdims=True))


def _of_bases(block: _Block, path: Path) -> Motif:
    letters, motif = block.letters, block.name
    widths = {len(counts) for counts in block.counts}
    reason, remedy = "", DAMAGED
    counts = np.empty(0)
    if len(letters) != len(BASES) or len(widths) != 1 or 0 in widths:
        reason = f"the motif {motif} does not have {len(BASES)} rows of equally many counts, for A, C, G and T"
    elif any(letters) and sorted(letters) != sorted(BASES):
        called = ", ".join(letter or "-" for letter in letters)
        reason = f"the rows of the motif {motif} are called {called}, not A, C, G, T"
    else:
        order = [letters.index(base) for base in BASES] if any(letters) else range(len(BASES))
        counts = np.array([block.counts[i] for i in order])
        if not any(letters) and _is_by_position(counts):
            reason = (
                f"the motif {motif} seems to have a row for each position, as in HOCOMOCO, but JASPAR has a "
                "row for each base"
            )
            remedy = (
                "Use MEME format, or put A, C, G and T before the rows of counts of each base."
            )
        elif not counts.sum(0).all():
            reason = f"a column of the motif {motif} has no counts"
    if reason:
        raise InputError(reason, file=path, row=block.row, remedy=remedy)
    return _named(block, counts.T)


def _named(block: _Block, counts: NDArray[np.float64]) -> Motif:
    """Return a motif of counts, (width, 4), with the name that follows its id."""
    name = " ".join(block.head.split()[1:]) or block.name
    return Motif(block.name, name, counts / counts.sum(1, keepdims=True))


def _is_by_position(counts: NDArray[np.float64]) -> bool:
    """Return whether four unnamed rows of four counts have equal sums, and the columns have not."""
    if counts.shape[1] != len(BASES):
        return False
    rows, columns = counts.sum(1), counts.sum(0)
    return bool(np.ptp(rows) <= _UNEQUAL * rows.max() < np.ptp(columns))
