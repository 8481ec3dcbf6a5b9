"""BED files of other people on a genome at hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from dnasweep.errors import InputError
from dnasweep.formats.contigs import Contigs
from dnasweep.formats.coordinates import read_places
from dnasweep.formats.files import read_bytes
from dnasweep.formats.paths import user_path
from dnasweep.formats.rejects import RejectedRow, parsing, refuse

COLUMNS = ["row", "id", "chrom", "start", "end", "strand"]


def read_bed(
    path: str | Path, contigs: Contigs, *, skip_bad_rows: bool = False
) -> tuple[pd.DataFrame, list[RejectedRow]]:
    """Return the intervals of a BED file, plain or gzip, by the names of a genome.

    Returns
    -------
    frame
        row, id, chrom, start, end (0-based, half-open) and strand ("" where none is given).
    faults
        Rows that cannot be used, where `skip_bad_rows` allows them.

    Raises
    ------
    InputError
        For a file without an interval, or the first bad row where there may be none.
    """
    path = user_path(path)
    with parsing(path):
        data = read_bytes(path, holds="intervals")
        frame, faults = read_places(data, format="bed", window=(0, 0), file=path)
    if len(frame) == 0 and not faults:
        raise InputError("holds no interval", file=path, remedy="Give a BED file with rows.")
    total = len(frame) + len(faults)
    frame, strange = contigs.place(frame[COLUMNS], file=path)
    faults = sorted([*faults, *strange], key=lambda fault: fault.row)
    if faults and not skip_bad_rows:
        raise refuse(faults, total)
    if len(frame) == 0:
        raise InputError(
            f"no interval is left; the first of {len(faults):,} bad ones: {faults[0].reason}",
            file=path,
            row=faults[0].row,
            remedy=faults[0].remedy or None,
        )
    return frame, faults
