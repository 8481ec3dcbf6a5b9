"""Rows that cannot be used: reported to the user, or set aside at the user's request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dnasweep.errors import InputError
from dnasweep.plain import shown, write_csv

REJECTS = "rejects.tsv"
"""Name of the file with the rows that were set aside."""
MAX_BAD_SHARE = 0.1
"""Largest fraction of bad rows for which continuing without them is offered."""

_CLIPPED = 200


class RejectedRow(NamedTuple):
    """One row that cannot be used."""

    file: str
    """File that contains the row."""
    row: int
    """1-based line or record in the file; the header is line 1."""
    reason: str
    """Reason why it cannot be used."""
    text: str
    """The row as it was read."""
    remedy: str = ""
    """Remedy other than leaving out the row."""


class RowChecks:
    """The first error found in each row of a table.

    Parameters
    ----------
    index
        Index of the table.
    """

    def __init__(self, index: pd.Index) -> None:
        self.reason = pd.Series("", index=index, dtype="str")
        self.remedy = pd.Series("", index=index, dtype="str")

    @property
    def good(self) -> pd.Series:
        """Whether no error has been found in a row, by index."""
        return self.reason == ""

    def add(self, bad: pd.Series, reason: str | pd.Series, remedy: str | pd.Series = "") -> None:
        """Record a reason and a remedy for rows that are `bad` and had no error so far.

        Parameters
        ----------
        bad
            Whether a row is bad, by index.
        reason
            Reason, one for all rows or one per row by index.
        remedy
            Remedy, for messages, likewise.
        """
        bad = bad & self.good
        if bad.any():
            self.reason = self.reason.mask(bad, reason)
            self.remedy = self.remedy.mask(bad, remedy)

    def rejected(
        self, file: str | Path, rows: pd.Series, cells: pd.DataFrame
    ) -> list[RejectedRow]:
        """Return the bad rows.

        Parameters
        ----------
        file
            File that contains the rows.
        rows
            Row numbers in the file, by index.
        cells
            Cells of the rows, by index.
        """
        bad = ~self.good
        columns = (rows[bad], self.reason[bad], self.remedy[bad], *(cells[c][bad] for c in cells))
        return [
            RejectedRow(str(file), int(row), reason, " ".join(map(str, text)), remedy)
            for row, reason, remedy, *text in zip(*columns, strict=True)
        ]


@contextmanager
def parsing(path: Path) -> Iterator[None]:
    """Turn any exception of a parser into an error that names the file."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        message = (str(error).strip().splitlines() or [""])[0][:_CLIPPED]
        raise InputError(
            f"its contents cannot be read ({type(error).__name__}: {message})",
            file=path,
            remedy="Save the file again as plain UTF-8 text.",
        ) from error


def write_rejects(rejected: Sequence[RejectedRow], path: Path) -> None:
    """Write rows as a TSV with the columns file, row, reason, text (truncated to 200 characters).

    Raises
    ------
    InputError
        If the TSV cannot be written.
    """
    frame = pd.DataFrame(
        [
            (shown(row.file), row.row, row.reason, " ".join(row.text[:_CLIPPED].split()))
            for row in rejected
        ],
        columns=["file", "row", "reason", "text"],
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_csv(frame, path, sep="\t")
    except OSError as error:
        raise InputError(
            f"the rejected rows cannot be written: {error.strerror}", file=path
        ) from error


def check_rejects(
    rejected: Sequence[RejectedRow],
    *,
    num_left: int,
    num_rows: int,
    what: str,
    skip_bad_rows: bool,
    keeps_classes: bool = True,
    max_share: float = MAX_BAD_SHARE,
) -> None:
    """Refuse bad rows unless they may be left out and good rows remain.

    Parameters
    ----------
    rejected
        The bad rows.
    num_left
        Number of good rows.
    num_rows
        Total number of rows.
    what
        What a row is called in messages.
    skip_bad_rows
        Whether to continue without the bad rows.
    keeps_classes
        Whether every class keeps some rows; otherwise the message does not offer to leave out the bad
        rows.
    max_share
        Largest fraction of bad rows for which the message offers to leave them out.

    Raises
    ------
    InputError
        For the first bad row; the message gives the number of bad rows.
    """
    if not rejected or (skip_bad_rows and num_left):
        return
    first = rejected[0]
    if skip_bad_rows:
        raise InputError(
            f"no usable {what} is left; the first of {len(rejected):,} bad ones: {first.reason}",
            file=first.file,
            row=first.row,
            remedy=first.remedy or None,
        )
    num_files = len({row.file for row in rejected})
    total = "the only bad row" if len(rejected) == 1 else f"{len(rejected):,} bad rows in total"
    if num_files > 1:
        total += f", in {num_files} files"
    remedy = first.remedy or "Correct the file."
    num_bad = len({(row.file, row.row) for row in rejected})
    if keeps_classes and num_bad <= max_share * num_rows:
        or_else = "Correct the file, or" if remedy == "Correct the file." else f"{remedy} Or"
        remedy = f"{or_else} pass --skip-bad-rows to leave out {num_bad:,} of {num_rows:,} rows."
    raise InputError(f"{first.reason} ({total})", file=first.file, row=first.row, remedy=remedy)
