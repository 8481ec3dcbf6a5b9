"""The cells of delimited text, and its header."""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Container
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from dnasweep.errors import InputError
from dnasweep.formats.headers import SEPARATORS, find_header
from dnasweep.formats.rejects import RejectedRow, RowChecks

_OVERLONG = re.compile(r"[Ll]ine (\d+): expected (\d+) fields, saw (\d+)")
_UNCLOSED = re.compile(r"EOF inside string starting at row (\d+)")


class Cells(NamedTuple):
    """A file of named columns, with all cells as text."""

    names: tuple[str, ...]
    """Column names as written; empty if the file has none."""
    frame: pd.DataFrame
    """Columns 0, 1, ... and `row`, the 1-based row of the file, including the header."""
    rejected: list[RejectedRow] = []  # noqa: RUF012 a default of a tuple, and never changed
    """Rows with more cells than there are columns."""
    header_row: int | None = None
    """The row of the header; None if the format has no header row."""
    notes: tuple[str, ...] = ()
    """Messages about the header."""
    nested: frozenset[int] = frozenset()
    """Columns of lists or records; short lists of single values are in `frame`, as `[0, 1]`."""


def read_table(
    data: bytes,
    *,
    file: Path,
    known: Container[str],
    separators: str = SEPARATORS,
    blanks: bool = True,
) -> Cells:
    """Return the cells of a text with a header; see :func:`~dnasweep.formats.headers.find_header`.

    Parameters
    ----------
    data
        Contents of the file.
    file
        Path of the file, for messages.
    known
        Column names by which a header is recognised.
    separators
        Possible separators.
    blanks
        Whether spaces may separate cells.

    Raises
    ------
    InputError
        For a quotation mark that is never closed.
    """
    header = find_header(data, known=known, separators=separators, blanks=blanks)
    frame, rejected = read_cells(
        header.data, separator=header.separator, num_columns=len(header.names) or 2, file=file
    )
    frame = frame[frame["row"] > header.row].reset_index(drop=True)
    cells, notes = frame.drop(columns="row"), header.notes
    comment = cells[0].str.startswith("#") & (cells.iloc[:, 1:] == "").all(axis=1)
    comment &= len(cells.columns) > 1
    if comment.any():
        below = np.logical_and.accumulate(comment.to_numpy(bool)[::-1])[::-1]
        notes += ("the comments below the table are not read",) * bool(below.any())
        frame, cells, comment = frame[~below], cells[~below], comment[~below]
    checks = RowChecks(frame.index)
    if header.names:
        again = (cells == list(header.names)).all(axis=1)
        checks.add(again, "the row repeats the header")
    checks.add(comment, "the line is a comment, which is allowed only above or below the table")
    rejected = [*rejected, *checks.rejected(file, frame["row"], cells)]
    return Cells(
        header.names, frame[checks.good].reset_index(drop=True), rejected, header.row, notes
    )


def read_cells(
    data: bytes, *, separator: str, num_columns: int, file: Path, quoted: bool = True
) -> tuple[pd.DataFrame, list[RejectedRow]]:
    """Return all cells as text; rows that are too short are filled with empty cells.

    Parameters
    ----------
    data
        Contents of the file.
    separator
        Separator of the cells; if longer than one character, a regular expression.
    num_columns
        Cells per row.
    file
        Path of the file, for messages.
    quoted
        Whether quotation marks around a cell are removed.

    Returns
    -------
    frame
        Text columns 0, 1, ... and `row`, the 1-based row of the file; blank rows are left out.
    rejected
        Rows with more cells than there are columns.

    Raises
    ------
    InputError
        For a quotation mark that is never closed.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            frame = pd.read_csv(
                io.BytesIO(data),
                sep=separator,
                header=None,
                names=list(range(num_columns)),
                index_col=False,
                dtype="str",
                keep_default_na=False,
                skip_blank_lines=False,
                skipinitialspace=True,
                quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
                on_bad_lines="warn",
                encoding_errors="replace",
                low_memory=False,
            )
        except pd.errors.ParserError as error:
            unclosed = _UNCLOSED.search(str(error))
            raise InputError(
                "a quotation mark is not closed" if unclosed else str(error).strip(),
                file=file,
                row=int(unclosed[1]) + 1 if unclosed else None,
                remedy="Remove the quotation mark.",
            ) from error
    overlong = {
        int(line): (int(expected), int(seen))
        for warning in caught
        for line, expected, seen in _OVERLONG.findall(str(warning.message))
    }
    rows = pd.RangeIndex(1, len(frame) + len(overlong) + 1)
    frame["row"] = rows[~rows.isin(list(overlong))]
    lines = data.splitlines() if overlong else []
    rejected = [
        RejectedRow(
            str(file),
            row,
            f"the row has {seen} cells, but there are {expected} columns",
            lines[row - 1].decode(errors="replace") if row <= len(lines) else "",
        )
        for row, (expected, seen) in sorted(overlong.items())
    ]
    if quoted and len(separator) == 1:
        _refuse_swallowed_rows(frame, separator, num_columns, file)
    blank = (frame.drop(columns="row") == "").all(axis=1)
    return frame[~blank].reset_index(drop=True), rejected


def _refuse_swallowed_rows(
    frame: pd.DataFrame, separator: str, num_columns: int, file: Path
) -> None:
    """Refuse a cell that contains further rows, up to the quotation mark of another row.

    Such a cell has as many separators before its first line break as complete its row, and after its last one
    as precede it in a row; those of a quoted text of several lines rarely do.
    """
    for column in range(num_columns if num_columns > 1 else 0):
        text = frame[column].fillna("")
        several = text.str.contains("\n", regex=False)
        cells = zip(frame["row"][several], text[several].str.split("\n"), strict=True)
        for row, lines in cells:
            counts = [line.count(separator) for line in lines]
            whole = [num_columns - 1] * (len(counts) - 2)
            if counts == [num_columns - 1 - column, *whole, column]:
                raise InputError(
                    f"a quotation mark is not closed in its row, so that the cell contains {len(whole) + 1:,} "
                    "of the rows below",
                    file=file,
                    row=int(row),
                    remedy="Remove the quotation mark, and that in the last of these rows.",
                )
