"""The cells of CSV and TSV files as text, and the header names in use."""

from __future__ import annotations

import csv
import io
import re
import warnings
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dnasweep.errors import InputError
from dnasweep.formats.rejects import RejectedRow

ACCEPTED: dict[str, tuple[str, ...]] = {
    "sequence": ("sequence", "seq", "sequences", "dna_sequence"),
    "label": ("label", "true_label", "labels", "class", "target"),
    "id": ("id", "seq_id", "sequence_id", "identifier"),
    "name": ("name",),
    "species": ("species", "organism"),
    "chrom": ("chrom", "chr", "chromosome", "region"),
    "start": ("start", "chromstart", "chrom_start"),
    "end": ("end", "chromend", "chrom_end"),
    "strand": ("strand",),
    "split": ("split",),
}
"""Header names by table column, in any case; `name` is a species or an id, as its values say."""

_OVERLONG = re.compile(r"[Ll]ine (\d+): expected (\d+) fields, saw (\d+)")
_UNCLOSED = re.compile(r"EOF inside string starting at row (\d+)")


class Cells(NamedTuple):
    """The cells of a delimited file."""

    frame: pd.DataFrame
    """Text columns 0, 1, ... and `row`, the 1-based row of the file; blank rows are left out."""
    faults: list[RejectedRow]
    """Rows with more cells than there are columns."""
    header: tuple[str, ...] = ()
    """The names found in the header, where there is one."""
    notes: tuple[str, ...] = ()
    """How columns were understood, and which were not read."""


def read_cells(
    data: bytes, *, separator: str, num_columns: int, file: Path, quoted: bool = True
) -> Cells:
    """Return all cells as text; rows that are too short are filled with empty cells.

    `quoted` says whether quotation marks around a cell are no part of it.

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
    faults = [
        RejectedRow(
            str(file),
            row,
            f"the row has {seen} cells where there are {expected} columns",
            lines[row - 1].decode(errors="replace") if row <= len(lines) else "",
        )
        for row, (expected, seen) in sorted(overlong.items())
    ]
    blank = (frame.drop(columns="row") == "").all(axis=1)
    return Cells(frame[~blank].reset_index(drop=True), faults)
