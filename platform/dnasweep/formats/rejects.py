"""Rows that cannot be used: reported to the user, or set aside where the user asked for that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dnasweep.errors import InputError
from dnasweep.plain import shown, write_csv

REJECTS = "rejects.tsv"
"""File of the rows that were set aside."""
MAX_BAD_SHARE = 0.1
"""Share of bad rows up to which going on without them is offered."""

_CLIPPED = 200


class RejectedRow(NamedTuple):
    """One row that cannot be used."""

    file: str
    """The file that it is in."""
    row: int
    """Its 1-based line or record there; the header is line 1."""
    reason: str
    """What is wrong with it."""
    text: str
    """The row as it was read."""
    remedy: str = ""
    """What to do about it, other than leaving the row out."""


class RowChecks:
    """The first thing found wrong with each row of a table.

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
        """Whether nothing has been found wrong with a row, by index."""
        return self.reason == ""

    def add(self, bad: pd.Series, reason: str | pd.Series, remedy: str = "") -> None:
        """Note a reason and a remedy for the rows that are `bad` and were good until now.

        Parameters
        ----------
        bad
            Whether a row is bad, by index.
        reason
            Reason, for all rows or by index.
        remedy
            What to do about it.
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
            The file that they are in.
        rows
            Their numbers in the file, by index.
        cells
            Their cells, by index.
        """
        bad = ~self.good
        columns = (rows[bad], self.reason[bad], self.remedy[bad], *(cells[c][bad] for c in cells))
        return [
            RejectedRow(str(file), int(row), reason, " ".join(map(str, text)), remedy)
            for row, reason, remedy, *text in zip(*columns, strict=True)
        ]


@contextmanager
def parsing(path: Path) -> Iterator[None]:
    """Turn whatever a parser raises about the content of a file into an error that names the file."""
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
    """Write rows as a TSV with the columns file, row, reason, text (clipped to 200 letters).

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
    """Refuse bad rows unless they may be left out and others are left.

    Parameters
    ----------
    rejected
        The bad rows.
    num_left
        Number of good rows.
    num_rows
        Total number of rows.
    what
        Name of what a row is, for messages.
    skip_bad_rows
        Whether to go on without the bad rows.
    keeps_classes
        Whether every class has rows left without them; otherwise the message does not offer to
        leave them out.
    max_share
        Share of bad rows up to which the message offers it.

    Raises
    ------
    InputError
        For the first of the bad rows; the message says how many there are.
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
