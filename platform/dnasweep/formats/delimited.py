"""The cells of delimited text."""

from __future__ import annotations

import csv
import io
import re
import warnings
from pathlib import Path

import pandas as pd

from dnasweep.errors import InputError
from dnasweep.formats.rejects import RejectedRow

_OVERLONG = re.compile(r"[Ll]ine (\d+): expected (\d+) fields, saw (\d+)")
_UNCLOSED = re.compile(r"EOF inside string starting at row (\d+)")


def read_cells(
    data: bytes, *, separator: str, num_columns: int, file: Path, quoted: bool = True
) -> tuple[pd.DataFrame, list[RejectedRow]]:
    """Return all cells as text; rows that are too short are filled with empty cells.

    Parameters
    ----------
    data
        Content of the file.
    separator
        What separates cells; more than one character is a regular expression.
    num_columns
        Cells per row.
    file
        The file, for messages.
    quoted
        Whether quotation marks around a cell are not part of it.

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
                "a quotation mark is opened and never closed" if unclosed else str(error).strip(),
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
            f"the row has {seen} cells where there are {expected} columns",
            lines[row - 1].decode(errors="replace") if row <= len(lines) else "",
        )
        for row, (expected, seen) in sorted(overlong.items())
    ]
    blank = (frame.drop(columns="row") == "").all(axis=1)
    return frame[~blank].reset_index(drop=True), rejected
