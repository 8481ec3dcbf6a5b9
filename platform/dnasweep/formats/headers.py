"""The header of a delimited text: its line, the separator of its cells, and the text above it."""

from __future__ import annotations

import csv
import re
from collections.abc import Container, Sequence
from typing import NamedTuple

BLANKS = r"\s+"
"""The separator of files whose cells are separated by one or more spaces."""
SEPARATORS = "\t,;|"
"""Characters that separate cells."""

NO_HEADER = "there is no header: the first column is read as sequences, the second as labels"

_HEAD = 1 << 20
_LINES = 120
_TITLES = 20
_ROWS = 20
_SEP = re.compile(r'"?sep=(\\t|.)"?$', re.IGNORECASE)
_SEQUENCE = re.compile(r"[ACGTRYSWKMBDHVNUacgtryswkmbdhvnu ]{6,}")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?")


class Header(NamedTuple):
    """The header of a text and its position."""

    names: tuple[str, ...]
    """Column names as written; empty if the first line is already a sequence and a number."""
    separator: str
    """The separator of cells: one character or `BLANKS`."""
    row: int
    """1-based line of the header; 0 if there is none."""
    data: bytes
    """The text, with \\n at the end of each line, and empty lines in place of those above the header."""
    notes: tuple[str, ...]
    """Messages about the header, without the name of the file."""


def canonical_name(name: str) -> str:
    """Return a column name in the form used for comparisons: lower case, with _ for spaces and hyphens.

    Examples
    --------
    >>> canonical_name("# Promoter Sequence")
    'promoter_sequence'
    """
    name = re.sub("[\u200b-\u200d\u2060\ufeff\u00ad]", "", name)  # invisible characters
    return re.sub(r"[\s\-]+", "_", name.strip().strip("\"'").lstrip("#").strip().lower())


def find_header(
    data: bytes, *, known: Container[str], separators: str = SEPARATORS, blanks: bool = True
) -> Header:
    """Return the header of a delimited text.

    Empty lines, lines that begin with #, and Excel's `sep=;` are skipped, as are title lines if the first
    line with known names is among the next twenty. The separator is the one that gives the most known
    names. Spaces are the separator if the lines contain no other one and every row then has the same number
    of cells. A header with one name fewer than there are cells was written by R, without a name for the
    first column.

    Parameters
    ----------
    data
        The text.
    known
        Known column names, in the form of :func:`canonical_name`.
    separators
        Possible separators.
    blanks
        Whether spaces may separate cells.
    """
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    head = data[:_HEAD]
    if len(data) > _HEAD:
        head = head[: head.rfind(b"\n") + 1] or head
    lines = [line.decode("utf-8", errors="replace") for line in head.split(b"\n", _LINES)[:_LINES]]
    at, told = _first_line(lines, known, separators)
    if told:
        separators, blanks = told, False
    found = _title_end(lines, at, known, separators)
    notes = []
    if found > at:
        notes.append(f"row {found + 1} is the header; the text above it is not read")
    first = lines[found] if found < len(lines) else ""
    separator = _best(first, known, separators)
    if blanks and separator not in first and _apart_by_blanks(lines[found:], known):
        separator = BLANKS
    cells = tuple(cell.strip() for cell in _cells(first, separator))
    data = b"\n" * found + data.split(b"\n", found)[-1]
    if _is_row(cells):
        return Header((), separator, 0, data, (NO_HEADER,))
    before, behind = _extra_cells(cells, lines[found + 1 :], separator)
    if before:
        notes.append("the first column has no name, as R writes the names of rows")
    cells = (*("",) * before, *cells, *("",) * behind)
    return Header(cells, separator, found + 1, data, tuple(notes))


def _first_line(lines: Sequence[str], known: Container[str], separators: str) -> tuple[int, str]:
    """Return the index of the first line that is not a comment, and the separator named in a line above it."""
    told = ""
    for at, line in enumerate(lines):
        text = line.strip()
        if (match := _SEP.match(text)) and not told:
            told = match[1].replace("\\t", "\t")
        elif text and not (text.startswith("#") and not _is_hashed_header(lines[at:], known)):
            return at, told
    return 0, told


def _is_hashed_header(lines: Sequence[str], known: Container[str]) -> bool:
    """Return whether a first line with # contains known names and as many cells as the next line."""
    following = next((line for line in lines[1:] if line.strip()), "")
    for separator in SEPARATORS:
        cells = _cells(lines[0], separator)
        if _num_known(cells, known) and len(cells) == len(_cells(following, separator)):
            return True
    return False


def _title_end(lines: Sequence[str], at: int, known: Container[str], separators: str) -> int:
    """Return the line of the header: `at`, or a later line if `at` contains no known name."""
    if _is_telling(lines[at], known, separators) or _is_row(
        tuple(c.strip() for c in _cells(lines[at], _best(lines[at], known, separators)))
    ):
        return at
    for later in range(at + 1, min(at + 1 + _TITLES, len(lines))):
        cells = [c for c in _cells(lines[later], _best(lines[later], known, separators)) if c]
        number = _num_known(cells, known)
        above = lines[later - 1]
        if any(_SEQUENCE.fullmatch(c.strip()) for sign in separators for c in _cells(above, sign)):
            return at  # Rows of data are not a title.
        if number > 1 or (number and number == len(cells)):
            return later
    return at


def _is_telling(line: str, known: Container[str], separators: str) -> bool:
    return any(_num_known(_cells(line, separator), known) for separator in (*separators, BLANKS))


def _best(line: str, known: Container[str], separators: str) -> str:
    return max(separators, key=lambda one: (_num_known(_cells(line, one), known), line.count(one)))


def _num_known(cells: Sequence[str], known: Container[str]) -> int:
    return sum(canonical_name(cell) in known for cell in cells)


def _cells(line: str, separator: str) -> list[str]:
    return next(iter(_records([line], separator)), [""])


def _records(lines: Sequence[str], separator: str) -> list[list[str]]:
    """Return the cells of lines; a quoted cell may extend over several lines."""
    blank = separator == BLANKS
    texts = [line.replace("\t", " ").strip() if blank else line for line in lines]
    sign = " " if blank else separator
    try:
        return [
            row
            for row in csv.reader([f"{t}\n" for t in texts], delimiter=sign, skipinitialspace=True)
            if row
        ]
    except csv.Error:  # a cell longer than csv accepts
        return [text.split(sign) for text in texts if text]


def _apart_by_blanks(lines: Sequence[str], known: Container[str]) -> bool:
    names, *rows = _records(lines, BLANKS)[: _ROWS + 1] or [[]]
    numbers = {len(row) for row in rows}
    return (
        len(names) > 1
        and _num_known(names, known) > 0
        and len(numbers) == 1
        and numbers <= {len(names), len(names) + 1}
    )


def _extra_cells(names: Sequence[str], lines: Sequence[str], separator: str) -> tuple[int, int]:
    """Return how many cells without a name all rows have before and after the named ones.

    A cell before them is the name of the row; cells after them are empty, left by columns deleted in a
    spreadsheet.
    """
    rows = _records(lines, separator)[:_ROWS]
    if len(rows) < 2 or len({len(row) for row in rows}) > 1 or len(rows[0]) <= len(names):
        return 0, 0
    if not any(cell.strip() for row in rows for cell in row[len(names) :]):
        return 0, len(rows[0]) - len(names)
    first = [row[0] for row in rows]
    named = len(rows[0]) == len(names) + 1 and all(first) and len(set(first)) == len(first)
    return int(named), 0


def _is_row(cells: Sequence[str]) -> bool:
    return (
        len(cells) == 2
        and bool(_SEQUENCE.fullmatch(cells[0]))
        and bool(_NUMBER.fullmatch(cells[1]))
    )
