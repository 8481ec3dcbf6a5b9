"""Motifs from MEME, JASPAR and HOMER files, gzipped or not, as base frequencies at each position.

They are parsed here because other libraries change the values: lightmotif divides frequencies by the
background of the file, and Biopython rounds them to whole counts of `nsites`. Background, strands and
log odds are ignored; frequencies are used as written.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from dnasweep.errors import InputError
from dnasweep.formats.content import read_bytes
from dnasweep.formats.motif_counts import read_counts
from dnasweep.formats.motif_matrix import BASES, DAMAGED, Motif, numbers
from dnasweep.formats.paths import user_path

_HEAD = re.compile(r"letter-probability matrix:?(.*)", re.IGNORECASE)
_WIDTH = re.compile(r"\bw\s*=\s*(\S+)")
_LETTERS = re.compile(r"\balength\s*=\s*(\S+)")
_END = re.compile(r"URL|MOTIF|log-odds|letter-probability|//|Time|[-*]{4,}")


def read_motifs(path: str | Path) -> list[Motif]:
    """Read the motifs of a file in MEME format or that of JASPAR, HOMER or HOCOMOCO, gzipped or not.

    Raises
    ------
    InputError
        For a file in another format, a damaged file or one without motifs.
    """
    path = user_path(path)
    text = read_bytes(path, holds="motifs").decode("utf-8", "replace")
    if re.search(r"^\s*MEME version\b", text, re.MULTILINE):
        found = _Meme(text, path).read()
    elif text.lstrip().startswith(">"):
        found = read_counts(text, path)
    else:
        raise InputError(
            "is not a file of motifs in MEME format, nor in that of JASPAR or HOMER",
            file=path,
            remedy="Give a file in MEME format, such as those at https://jaspar.elixir.no/downloads; from "
            "MEME and STREME, the text file, not HTML or XML. The MEME Suite converts other formats, such as "
            "TRANSFAC with transfac2meme.",
        )
    if not found:
        raise InputError("the file contains no motif", file=path)
    return found


class _Meme:
    """A file in MEME format, minimal or as written by MEME, STREME and JASPAR, read line by line.

    The following are refused, with the row: an alphabet other than DNA, a motif without a matrix or with
    two, a matrix whose number of rows differs from the stated one, a row that is not four frequencies
    that add up to 1, and a repeated name.
    """

    def __init__(self, text: str, file: Path) -> None:
        self.lines = [line.strip() for line in text.splitlines()]
        self.file = file
        self.at = 0
        """1-based number of the line that was read last."""

    def wrong(self, reason: str, row: int | None = None) -> InputError:
        return InputError(reason, file=self.file, row=row or self.at, remedy=DAMAGED)

    def read(self) -> list[Motif]:
        found: dict[str, Motif] = {}
        waiting: tuple[str, str, int] | None = None
        while self.at < len(self.lines) or waiting is not None:
            line = self.lines[self.at] if self.at < len(self.lines) else "MOTIF"
            self.at += 1
            cells = line.split()
            if line.upper().startswith("ALPHABET"):
                self._check_alphabet(line)
            elif cells[:1] == ["MOTIF"]:
                if waiting is not None:
                    reason = f"the motif {waiting[0]} has no matrix of letter probabilities"
                    raise self.wrong(reason, waiting[2])
                if len(cells) < 2:
                    raise self.wrong("the motif has no name")
                # MEME writes a motif without a name as `MOTIF id width = 8`.
                has_name = len(cells) > 2 and not (cells[2] == "width" and cells[3:4] == ["="])
                waiting = (cells[1], cells[2] if has_name else cells[1], self.at)
                if waiting[0] in found:
                    raise self.wrong(f"there is a second motif {waiting[0]}")
            elif (head := _HEAD.match(line)) is not None:
                if waiting is None:
                    raise self.wrong("there is a matrix without a motif")
                rows = self._matrix(waiting[0], self._width(head[1], waiting[0]))
                found[waiting[0]] = Motif(waiting[0], waiting[1], np.array(rows))
                waiting = None
        return list(found.values())

    def _check_alphabet(self, line: str) -> None:
        """Refuse an alphabet other than DNA, and read to the end of its definition."""
        row = self.at
        _, is_short, letters = line.partition("=")
        if not is_short and '"' in line:
            letters = ""
            while self.at < len(self.lines):
                if self.lines[self.at].upper().startswith("END ALPHABET"):
                    break
                symbol = self.lines[self.at].split()
                # Definitions of ambiguous letters, such as N = ACGT, are not needed.
                if symbol and "=" not in symbol:
                    letters += symbol[0] + (symbol[symbol.index("~") + 1] if "~" in symbol else "")
                self.at += 1
            letters = "".join(sorted(letters))
        if letters.strip().upper() != BASES:
            raise InputError(
                f"the alphabet is {letters.strip()[:40]!r}, not ACGT",
                file=self.file,
                row=row,
                remedy="Give motifs of DNA, their columns in the order A, C, G, T.",
            )

    def _width(self, head: str, motif: str) -> int | None:
        """Return the width stated in the first line of a matrix, None if there is none."""
        letters, width = _LETTERS.search(head), _WIDTH.search(head)
        if letters is not None and letters[1] != "4":
            raise self.wrong(f"the motif {motif} has {letters[1]} letters, not 4")
        if width is None:
            return None
        if not (width[1].isascii() and width[1].isdecimal()):
            raise self.wrong(f"the width of the motif {motif} is {width[1]!r}")
        return int(width[1])

    def _matrix(self, motif: str, width: int | None) -> list[list[float]]:
        """Return the rows of the matrix whose first line was read last."""
        first = self.at
        rows: dict[int, list[float]] = {}
        decimals = 2
        while self.at < len(self.lines):
            line = self.lines[self.at]
            # A blank line ends a matrix whose width is not stated.
            is_end = (bool(rows) if width is None else len(rows) >= width) if not line else False
            if is_end or _END.match(line):
                break
            self.at += 1
            if line:
                cells = line.split()
                shares = numbers(cells)
                if shares is None or len(shares) != len(BASES) or max(shares) > 1:
                    raise self.wrong(
                        f"the motif {motif} has {line[:60]!r} where four frequencies of A, C, G and T "
                        "are expected"
                    )
                rows[self.at] = shares
                digits = (cell.lower().partition("e")[0].partition(".")[2] for cell in cells)
                decimals = max(decimals, *map(len, digits))
        if not rows or (width is not None and len(rows) != width):
            said = "" if width is None else f" but states w={width}"
            raise self.wrong(f"the motif {motif} has {len(rows)} columns{said}", first)
        # Frequencies are rounded in the file.
        rounding = max(0.001, 2 * 10.0**-decimals) + 1e-9
        for row, shares in rows.items():
            if abs(sum(shares) - 1) > rounding:
                reason = f"the frequencies in a column of the motif {motif} add up to {sum(shares):.5g}, not 1"
                raise self.wrong(reason, row)
        return list(rows.values())
