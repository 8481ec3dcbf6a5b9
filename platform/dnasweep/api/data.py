"""Labelled sequences from files, as every command reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from dnasweep.api.execution import console
from dnasweep.data.reading import read_rows
from dnasweep.formats.rejects import write_rejects


def read_data(
    paths: str | Path | Sequence[str | Path] = (),
    *,
    rejects: str | Path | None = None,
    progress: bool = True,
    **options: Any,
) -> pd.DataFrame:
    """Read sequences, with their labels if they have any, into one table.

    Parameters
    ----------
    paths
        Files and folders: CSV, TSV, FASTA, k-mer TSV, SGA, BED, plain text, gzip or not.
    rejects
        TSV to write bad rows to (file, row, reason, text), with `skip_bad_rows=True`.
    progress
        Whether to say on the standard error stream how each file was understood.
    options
        `positives` and `negatives` (files of one class), `species`, `label`, `genome`, `window`,
        `format`, `require_labels`, `skip_bad_rows`, `task`, `positive_label`; see :func:`dnasweep.data.reading.read_rows`.

    Returns
    -------
    table
        Columns `id`, `sequence`, `label` (-1 where unknown), `species`, `chrom`, `start`, `end`,
        `strand`, `split`, `shots`.

    Raises
    ------
    InputError
        With file, row and remedy, for the first row that cannot be used.
    """
    reading = read_rows(paths, **options)
    for note in reading.notes:
        console(progress).print(note)
    if reading.rejected and rejects is not None:
        write_rejects(reading.rejected, Path(rejects))
    return reading.table
