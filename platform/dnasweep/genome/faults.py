"""Rows that cannot be used: told to the person, or set aside where the person asked for that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dnasweep.errors import InputError
from dnasweep.plain import shown, write_csv

_CLIPPED = 200


class Fault(NamedTuple):
    """One row that cannot be used."""

    file: str
    """The file it stands in."""
    row: int
    """Its 1-based line or record there, the header counted as line 1."""
    reason: str
    """What is wrong with it."""
    text: str
    """The row as it was read."""
    remedy: str = ""
    """What to do about it, beside leaving the row out."""


def write_rejects(faults: Sequence[Fault], path: Path) -> None:
    """Write `faults` as a TSV with the columns file, row, reason, text (clipped to 200 letters).

    Raises
    ------
    InputError
        Where it cannot be written.
    """
    frame = pd.DataFrame(
        [(shown(f.file), f.row, f.reason, " ".join(f.text[:_CLIPPED].split())) for f in faults],
        columns=["file", "row", "reason", "text"],
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_csv(frame, path, sep="\t")
    except OSError as error:
        raise InputError(
            f"the rejected rows cannot be written: {error.strerror}", file=path
        ) from error


def refuse(faults: Sequence[Fault]) -> InputError:
    """Return the error for the first of `faults`, which says how many there are in all."""
    first = faults[0]
    files = len({f.file for f in faults})
    total = "the only bad row" if len(faults) == 1 else f"{len(faults):,} bad rows in all"
    if files > 1:
        total += f", in {files} files"
    remedy = f"{first.remedy} Or" if first.remedy else "Mend the file, or"
    return InputError(
        f"{first.reason} ({total})",
        file=first.file,
        row=first.row,
        remedy=f"{remedy} pass --skip-bad-rows to go on with the good rows.",
    )
