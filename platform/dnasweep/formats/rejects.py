"""Rows that cannot be used: told to the person, or set aside where the person asked for that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from dnasweep.errors import InputError
from dnasweep.plain import shown, write_csv

_CLIPPED = 200


class RejectedRow(NamedTuple):
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


@contextmanager
def parsing(path: Path) -> Iterator[None]:
    """Turn whatever a parser throws at the content of a file into an error that names the file."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        said = (str(error).strip().splitlines() or [""])[0][:_CLIPPED]
        raise InputError(
            f"its content cannot be read ({type(error).__name__}: {said})",
            file=path,
            remedy="Save the file again as plain UTF-8 text.",
        ) from error


def write_rejects(faults: Sequence[RejectedRow], path: Path) -> None:
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


FEW = 0.1
"""Share of bad rows up to which going on without them is offered."""


def refuse(
    faults: Sequence[RejectedRow], rows: int, *, keeps_classes: bool = True, most: float = FEW
) -> InputError:
    """Return the error for the first of `faults`, which says how many there are in all.

    To go on without them is offered where that does no harm: up to a share `most` of all `rows`, bad
    ones included, and no class that would be lost.
    """
    first = faults[0]
    files = len({f.file for f in faults})
    total = "the only bad row" if len(faults) == 1 else f"{len(faults):,} bad rows in all"
    if files > 1:
        total += f", in {files} files"
    remedy = first.remedy or "Mend the file."
    bad = len({(fault.file, fault.row) for fault in faults})
    if keeps_classes and 0 < bad <= most * rows:
        left_out = f"{bad:,} of {rows:,} rows"
        or_else = (
            remedy.removesuffix(".") + ", or" if remedy == "Mend the file." else f"{remedy} Or"
        )
        remedy = f"{or_else} pass --skip-bad-rows to leave out {left_out}."
    return InputError(
        f"{first.reason} ({total})",
        file=first.file,
        row=first.row,
        remedy=remedy,
    )
